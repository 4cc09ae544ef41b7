import { channels } from '@cache/core'
import { SwapList, emit } from '@cache/core/internal'
import type { Granted, GrantedRequest, LockBackend, LockRequest } from '../backends/backend.js'
import { describeHolder } from '../backends/holder.js'
import { LockTimeoutError } from '../errors.js'
import type { Lock } from '../lock.js'
import { acquireLock, tryAcquireLock } from './acquire-lock.js'
import { Closing } from './closing.js'
import { HeldLock } from './held-lock.js'
import { neverSent } from './never-sent.js'
import { resolveCallOptions, type AcquireOptions, type ResolvedLockOptions } from './options.js'
import type { Renewals } from './renewals.js'
import { waitBriefly, withinLimits } from './waiting.js'

/** Identifies a lock of a backend. */
export interface LockTarget {
  /** The name as the caller wrote it. */
  readonly name: string
  readonly key: string
  /** The prefix of the tokens, if it says how the lock is held: shared or exclusive. */
  readonly tokenPrefix?: string
}

/**
 * Acquires the locks of one backend, renews them while they are held, and releases them all when it
 * is closed.
 */
export class LockManager<B extends LockBackend> {
  readonly backend: B
  readonly #prefix: string
  readonly #renewals: Renewals
  readonly #defaults: ResolvedLockOptions
  readonly #held = new SwapList<HeldLock>()
  /** The calls that are under way. */
  readonly #pending = new SwapList<Promise<unknown>>()
  readonly #closing = new Closing()
  readonly #onClose: () => Promise<void>
  #closed: Promise<void> | undefined

  /**
   * `prefix` names the locks in telemetry. `onClose` runs once, when everything has been released.
   */
  constructor(
    prefix: string,
    backend: B,
    renewals: Renewals,
    defaults: ResolvedLockOptions,
    onClose: () => Promise<void>,
  ) {
    this.#prefix = prefix
    this.backend = backend
    this.#onClose = onClose
    this.#renewals = renewals
    this.#defaults = defaults
  }

  acquire(target: LockTarget, options?: AcquireOptions): Promise<Lock> {
    return this.#track(this.#acquire(target, options))
  }

  /** Tries once. Resolves to `null` if others hold the lock or wait for it. */
  tryAcquire(target: LockTarget, options?: AcquireOptions): Promise<Lock | null> {
    return this.#track(this.#tryAcquire(target, options))
  }

  /**
   * Acquires several locks with one call of `acquireAll`. Resolves to `undefined` if they are not
   * granted together, or too late.
   */
  acquireTogether(
    targets: readonly LockTarget[],
    options: AcquireOptions | undefined,
    acquireAll: (requests: readonly LockRequest[]) => Promise<readonly Granted[] | undefined>,
  ): Promise<Lock[] | undefined> {
    return this.#track(this.#acquireTogether(targets, options, acquireAll))
  }

  /**
   * Runs `work` while the lock is held, and then releases the lock. The outcome is that of `work`,
   * even if the release fails.
   */
  async runWithLock<L extends AsyncDisposable, R>(
    lock: L,
    work: (lock: L) => R | Promise<R>,
  ): Promise<R> {
    try {
      return await work(lock)
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#releaseAll())
  }

  async #releaseAll(): Promise<void> {
    this.#closing.close()
    await Promise.all([...this.#held].map((lock) => lock.revoke()))
    await Promise.allSettled(this.#pending)
    await this.#onClose()
  }

  async #acquire(target: LockTarget, options?: AcquireOptions): Promise<Lock> {
    const { resolved, signal } = resolveCallOptions(options, this.#defaults)
    const { name } = target
    const startedAt = performance.now()
    try {
      const granted = await acquireLock(this.backend, () => this.#newRequest(target, resolved), {
        wait: resolved.wait,
        signal,
        closing: this.#closing,
      })
      this.#emit(name, 'acquired', startedAt)
      const lock = this.#hold(granted, resolved)
      if (this.#closing.reason) await this.#revoke(lock)
      return lock
    } catch (error) {
      if (error instanceof LockTimeoutError) this.#emit(name, 'timeout', startedAt)
      throw error
    }
  }

  async #tryAcquire(target: LockTarget, options?: AcquireOptions): Promise<Lock | null> {
    const { resolved, signal } = resolveCallOptions(options, this.#defaults)
    signal?.throwIfAborted()
    this.#closing.throwIfClosed()
    const request = this.#newRequest(target, resolved)
    const granted = await tryAcquireLock(this.backend, request)
    if (!granted) return null
    emit(channels.lock, () => ({
      prefix: this.#prefix,
      name: request.name,
      event: 'acquired',
      ms: 0,
    }))
    const lock = this.#hold({ request, granted }, resolved)
    if (this.#closing.reason) await this.#revoke(lock)
    return lock
  }

  async #acquireTogether(
    targets: readonly LockTarget[],
    options: AcquireOptions | undefined,
    acquireAll: (requests: readonly LockRequest[]) => Promise<readonly Granted[] | undefined>,
  ): Promise<Lock[] | undefined> {
    const { resolved, signal } = resolveCallOptions(options, this.#defaults)
    const startedAt = performance.now()
    signal?.throwIfAborted()
    this.#closing.throwIfClosed()
    const { token } = this.#newRequest(targets[0]!, resolved)
    const requests = targets.map((target) => ({ ...this.#newRequest(target, resolved), token }))
    const abandonAll = (): Promise<void> =>
      waitBriefly(Promise.all(requests.map((request) => this.backend.abandon(request))))
    const limits = { wait: resolved.wait, signal, closing: this.#closing }
    const granted = await withinLimits(acquireAll(requests), requests[0]!.name, limits).catch(
      async (error: unknown) => {
        if (!neverSent(error)) await abandonAll()
        throw error
      },
    )
    if (granted?.every(({ deadline }) => deadline > performance.now())) {
      for (const { name } of requests) this.#emit(name, 'acquired', startedAt)
      const locks = requests.map((request, i) =>
        this.#hold({ request, granted: granted[i]! }, resolved),
      )
      if (this.#closing.reason) await Promise.all(locks.map((lock) => this.#revoke(lock)))
      return locks
    }
    if (granted) await abandonAll()
    return undefined
  }

  #emit(name: string, event: 'acquired' | 'timeout', startedAt: number): void {
    emit(channels.lock, () => ({
      prefix: this.#prefix,
      name,
      event,
      ms: performance.now() - startedAt,
    }))
  }

  #track<R>(call: Promise<R>): Promise<R> {
    const handle = this.#pending.add(call)
    const done = (): void => void this.#pending.delete(handle)
    call.then(done, done)
    return call
  }

  /** Releases a lock that was granted after `close` was called, and throws the reason. */
  async #revoke(lock: HeldLock): Promise<never> {
    await lock.revoke()
    throw this.#closing.reason!
  }

  #newRequest(target: LockTarget, options: ResolvedLockOptions): LockRequest {
    const { name, key, tokenPrefix = '' } = target
    const { ttl, maxHold, label, fair } = options
    return {
      name,
      key,
      token: tokenPrefix + this.backend.newToken(),
      ttl: Math.min(ttl, maxHold),
      holderInfo: describeHolder(label),
      fair,
    }
  }

  #hold({ request, granted }: GrantedRequest, { renew, maxHold }: ResolvedLockOptions): HeldLock {
    const lock = new HeldLock({
      prefix: this.#prefix,
      backend: this.backend,
      request,
      granted,
      maxHoldDeadline: performance.now() + maxHold,
      onEnd: () => {
        this.#held.delete(handle)
        stopRenewing?.()
      },
    })
    const handle = this.#held.add(lock)
    const stopRenewing = granted.handedOver
      ? this.#renewals.addHandedOver(lock, renew)
      : renew
        ? this.#renewals.add(lock)
        : undefined
    return lock
  }
}

import { channels } from '@cache/core'
import { SwapList, emit } from '@cache/core/internal'
import { acquire, tryAcquire, within, withinGrace } from './acquiring.js'
import { Closing } from './closing.js'
import { LockTimeoutError } from '../errors.js'
import type { Claim, Granted, Ground } from '../backends/backend.js'
import { HeldLock } from './held-lock.js'
import { aboutMe } from '../backends/holder.js'
import type { Lock } from '../lock.js'
import { neverSent } from './never-sent.js'
import type { Renewals } from './renewals.js'
import { termsOfCall, type AcquireOptions, type Terms } from './options.js'

/** Which lock of a ground. */
export interface Wanted {
  /** As the caller wrote it. */
  readonly name: string
  readonly key: string
  /** What its token begins with, where that says how it is held. */
  readonly kind?: string
}

/**
 * Acquires locks of one ground, renews them while they are held, and gives all back when it is
 * closed.
 */
export class Keeper<G extends Ground> {
  readonly ground: G
  readonly #renewals: Renewals
  readonly #usual: Terms
  readonly #held = new SwapList<HeldLock>()
  /** What is asked for now. */
  readonly #asking = new SwapList<Promise<unknown>>()
  readonly #closing = new Closing()

  constructor(ground: G, renewals: Renewals, usual: Terms) {
    this.ground = ground
    this.#renewals = renewals
    this.#usual = usual
  }

  acquire(wanted: Wanted, options?: AcquireOptions): Promise<Lock> {
    return this.#untilSettled(this.#acquire(wanted, options))
  }

  tryAcquire(wanted: Wanted, options?: AcquireOptions): Promise<Lock | null> {
    return this.#untilSettled(this.#tryAcquire(wanted, options))
  }

  /** Of several at once, by what `take` answers; `undefined` as it says. */
  takeTogether(
    wanted: readonly Wanted[],
    options: AcquireOptions | undefined,
    take: (claims: readonly Claim[]) => Promise<readonly Granted[] | undefined>,
  ): Promise<Lock[] | undefined> {
    return this.#untilSettled(this.#takeTogether(wanted, options, take))
  }

  /** Runs `work` while `lock` is held: its result or its error, whatever becomes of the release. */
  async during<L extends AsyncDisposable, R>(
    lock: L,
    work: (lock: L) => R | Promise<R>,
  ): Promise<R> {
    try {
      return await work(lock)
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }

  async close(): Promise<void> {
    if (this.#closing.reason) return
    this.#closing.close()
    await Promise.all([...this.#held].map((lock) => lock.revoke()))
    await Promise.allSettled(this.#asking)
  }

  async #acquire(wanted: Wanted, options?: AcquireOptions): Promise<Lock> {
    const { terms, signal } = termsOfCall(options, this.#usual)
    const { name } = wanted
    const asked = performance.now()
    try {
      const { claim, granted } = await acquire(this.ground, () => this.#claim(wanted, terms), {
        wait: terms.wait,
        signal,
        closing: this.#closing,
      })
      emit(channels.lock, () => ({ name, event: 'acquired', ms: performance.now() - asked }))
      return await this.#handOver(this.#hold(claim, granted, terms))
    } catch (error) {
      if (error instanceof LockTimeoutError)
        emit(channels.lock, () => ({ name, event: 'timeout', ms: performance.now() - asked }))
      throw error
    }
  }

  async #tryAcquire(wanted: Wanted, options?: AcquireOptions): Promise<Lock | null> {
    const { terms, signal } = termsOfCall(options, this.#usual)
    signal?.throwIfAborted()
    this.#closing.throwIfClosed()
    const claim = this.#claim(wanted, terms)
    const granted = await tryAcquire(this.ground, claim)
    if (!granted) return null
    emit(channels.lock, () => ({ name: claim.name, event: 'acquired', ms: 0 }))
    return this.#handOver(this.#hold(claim, granted, terms))
  }

  async #takeTogether(
    wanted: readonly Wanted[],
    options: AcquireOptions | undefined,
    take: (claims: readonly Claim[]) => Promise<readonly Granted[] | undefined>,
  ): Promise<Lock[] | undefined> {
    const { terms, signal } = termsOfCall(options, this.#usual)
    signal?.throwIfAborted()
    this.#closing.throwIfClosed()
    const { token } = this.#claim(wanted[0]!, terms)
    const claims = wanted.map((one) => ({ ...this.#claim(one, terms), token }))
    const giveBack = (): Promise<void> =>
      withinGrace(Promise.all(claims.map((claim) => this.ground.abandon(claim))))
    const patience = { wait: terms.wait, signal, closing: this.#closing }
    const granted = await within(take(claims), claims[0]!.name, patience).catch(
      async (error: unknown) => {
        if (!neverSent(error)) await giveBack()
        throw error
      },
    )
    if (granted?.every(({ deadline }) => deadline > performance.now()))
      return Promise.all(
        claims.map((claim, i) => this.#handOver(this.#hold(claim, granted[i]!, terms))),
      )
    if (granted) await giveBack()
    return undefined
  }

  async #untilSettled<R>(asked: Promise<R>): Promise<R> {
    const seat = this.#asking.add(asked)
    try {
      return await asked
    } finally {
      this.#asking.delete(seat)
    }
  }

  /** What was granted when all was closed goes back, and who asked is told. */
  async #handOver(lock: HeldLock): Promise<Lock> {
    const { reason } = this.#closing
    if (!reason) return lock
    await lock.revoke()
    throw reason
  }

  #claim({ name, key, kind = '' }: Wanted, { ttl, maxHold, label, fair }: Terms): Claim {
    return {
      name,
      key,
      token: kind + this.ground.newToken(),
      ttl: Math.min(ttl, maxHold),
      about: aboutMe(label),
      fair,
    }
  }

  #hold(claim: Claim, granted: Granted, { renew, maxHold }: Terms): HeldLock {
    const lock = new HeldLock({
      ground: this.ground,
      claim,
      granted,
      lastMoment: performance.now() + maxHold,
      ended: () => {
        this.#held.delete(held)
        stopRenewing?.()
      },
    })
    const held = this.#held.add(lock)
    const stopRenewing = renew ? this.#renewals.add(lock) : undefined
    return lock
  }
}

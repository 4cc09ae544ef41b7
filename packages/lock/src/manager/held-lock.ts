import { channels, parseDuration, type Duration } from '@cache/core'
import { emit, timerDelay, type Deadline, type Handle } from '@cache/core/internal'
import type { GrantedRequest, LockBackend } from '../backends/backend.js'
import { ttlForValidity, validityTime } from '../backends/timing.js'
import { LockLostError, type LostReason } from '../errors.js'
import type { Lock } from '../lock.js'
import { deadlines } from './deadlines.js'

export interface HeldLockOptions extends GrantedRequest {
  /** Names the locks in telemetry. */
  readonly prefix: string
  readonly backend: LockBackend
  /** The end of `maxHold`, on the clock of `performance.now()`. */
  readonly maxHoldDeadline: number
  /** Called once the lock is lost or released. */
  readonly onEnd: () => void
}

/** A lock that was granted to this process. */
export class HeldLock implements Lock {
  readonly name: string
  readonly fence: number
  /** In ms: the ttl that each renewal asks for. */
  readonly ttl: number
  readonly #options: HeldLockOptions
  readonly #since = performance.now()
  #deadline: number
  #watch: Handle<Deadline> | undefined
  #controller: AbortController | undefined
  #lost: LockLostError | undefined
  /** In ms: the longest ttl that was asked for. */
  #longestTtl: number
  #releasing: Promise<boolean> | undefined
  #revoking: Promise<boolean> | undefined

  constructor(options: HeldLockOptions) {
    const { request, granted, maxHoldDeadline } = options
    this.name = request.name
    this.ttl = request.ttl
    this.#longestTtl = request.ttl
    this.fence = granted.fence
    this.#options = options
    this.#deadline = Math.min(granted.deadline, maxHoldDeadline)
    this.#watchDeadline()
  }

  get signal(): AbortSignal {
    this.#checkDeadline()
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#lost) this.#controller.abort(this.#lost)
    }
    return this.#controller.signal
  }

  get remaining(): number {
    return this.#lost || this.#releasing ? 0 : Math.max(0, this.#deadline - performance.now())
  }

  assertHeld(): void {
    this.#checkDeadline()
    if (this.#lost) throw this.#lost
    if (this.#releasing) throw new LockLostError(this.name, 'released')
  }

  async extend(ttl?: Duration): Promise<void> {
    await this.renew(ttl === undefined ? this.ttl : parseDuration(ttl, 'ttl'))
  }

  release(): Promise<boolean> {
    this.#checkDeadline()
    if (this.#lost) return Promise.resolve(false)
    this.#releasing ??= this.#release()
    return this.#releasing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#reportFailure(this.release())
  }

  /**
   * Takes the lock from its holder: first the holder learns that the lock is lost, then the lock is
   * released. Never rejects.
   */
  revoke(): Promise<void> {
    this.#checkDeadline()
    if (!this.#lost && !this.#releasing) {
      this.#lose('closed')
      this.#revoking = this.#releaseOnBackend()
    }
    return this.#reportFailure(this.#releasing ?? this.#revoking ?? Promise.resolve(false))
  }

  /** Whether a renewal can prolong the lock: it is held, and `maxHold` is not used up. */
  get renewable(): boolean {
    this.#checkDeadline()
    return !this.#lost && !this.#releasing && this.#deadline < this.#options.maxHoldDeadline
  }

  async renew(ttl: number): Promise<void> {
    this.assertHeld()
    const { backend, request, maxHoldDeadline } = this.#options
    const requestedTtl = Math.min(ttl, ttlForValidity(maxHoldDeadline - performance.now()))
    this.#longestTtl = Math.max(this.#longestTtl, requestedTtl)
    const deadline = await backend.extend(request, this.fence, requestedTtl)
    // The lock may have been released in the meantime, or the reply may have come too late.
    this.assertHeld()
    if (deadline === undefined) {
      this.#lose('taken')
      throw this.#lost!
    }
    this.#deadline = Math.max(this.#deadline, Math.min(deadline, maxHoldDeadline))
    this.assertHeld()
  }

  #release(): Promise<boolean> {
    this.#end()
    this.#emit('released')
    return this.#releaseOnBackend()
  }

  /**
   * Releases the lock, with one retry if there is no reply. If the retry gets no reply either, the
   * release is retried in the background, and the caller gets the error.
   */
  #releaseOnBackend(): Promise<boolean> {
    const { backend, request } = this.#options
    return backend.release(request, this.#longestTtl).catch(() => this.#releaseAgain())
  }

  async #releaseAgain(): Promise<boolean> {
    const { backend, request } = this.#options
    try {
      return await backend.release(request, this.#longestTtl)
    } catch (error) {
      void this.#abandon()
      throw error
    }
  }

  #abandon(): Promise<void> {
    const { backend, request } = this.#options
    return backend.abandon(request, this.#longestTtl)
  }

  #reportFailure(releasing: Promise<boolean>): Promise<void> {
    return releasing.then(
      () => undefined,
      (error: unknown) =>
        emit(channels.error, () => ({ operation: 'lock release', key: this.name, error })),
    )
  }

  #checkDeadline(): void {
    if (!this.#lost && !this.#releasing && performance.now() >= this.#deadline)
      this.#lose(this.#deadline >= this.#options.maxHoldDeadline ? 'max-hold' : 'expired')
  }

  #lose(reason: LostReason): void {
    this.#lost = new LockLostError(this.name, reason)
    this.#end()
    this.#abandonAfterLoss(reason)
    this.#emit('lost')
    this.#controller?.abort(this.#lost)
  }

  /**
   * Releases what may be left of a lost lock. A lock that was taken is released at once. A lock
   * whose deadline has passed may still exist in Redis, because of an extension that got no reply.
   * It is released after the safety margin of the ttl, so that its holder has as much time to stop
   * as without the release. `revoke` releases a lock that was closed.
   */
  #abandonAfterLoss(reason: LostReason): void {
    if (reason === 'taken') void this.#abandon()
    else if (reason !== 'closed')
      setTimeout(
        () => void this.#abandon(),
        timerDelay(this.#longestTtl - validityTime(this.#longestTtl)),
      ).unref()
  }

  #end(): void {
    if (this.#watch) deadlines.done(this.#watch)
    this.#options.onEnd()
  }

  #emit(event: 'released' | 'lost'): void {
    emit(channels.lock, () => ({
      prefix: this.#options.prefix,
      name: this.name,
      event,
      ms: performance.now() - this.#since,
    }))
  }

  /**
   * Watches the deadline. Renewals only move it further away, so the watch is renewed when it
   * fires, and not with each renewal.
   */
  #watchDeadline(): void {
    this.#watch = deadlines.set(this.remaining, () => {
      this.#checkDeadline()
      if (!this.#lost && !this.#releasing) this.#watchDeadline()
    })
  }
}

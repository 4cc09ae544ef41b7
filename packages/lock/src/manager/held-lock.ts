import { channels, parseDuration, type Duration } from '@cache/core'
import { emit, type Deadline, type Handle } from '@cache/core/internal'
import { deadlines } from './deadlines.js'
import { LockLostError, type LostReason } from '../errors.js'
import {
  LONGEST_TIMER,
  reliableFor,
  safe,
  type Claim,
  type Granted,
  type Ground,
} from '../backends/backend.js'
import type { Lock } from '../lock.js'

export interface Holding {
  readonly ground: Ground
  readonly claim: Claim
  readonly granted: Granted
  /** By `performance.now()`: the end of `maxHold`. */
  readonly lastMoment: number
  /** Called once it is lost or released. */
  ended(lock: HeldLock): void
}

export class HeldLock implements Lock {
  readonly name: string
  readonly fence: number
  /** Ms that each extension asks for. */
  readonly ttl: number
  readonly #holding: Holding
  readonly #since = performance.now()
  #deadline: number
  #watch: Handle<Deadline> | undefined
  #controller: AbortController | undefined
  #lost: LockLostError | undefined
  /** Ms, the longest ttl that was asked for. */
  #longest: number
  #releasing: Promise<boolean> | undefined
  #revoking: Promise<boolean> | undefined

  constructor(holding: Holding) {
    const { claim, granted } = holding
    this.name = claim.name
    this.ttl = claim.ttl
    this.#longest = claim.ttl
    this.fence = granted.fence
    this.#holding = holding
    this.#deadline = Math.min(granted.deadline, holding.lastMoment)
    this.#arm()
  }

  get signal(): AbortSignal {
    this.#look()
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
    this.#look()
    if (this.#lost) throw this.#lost
    if (this.#releasing) throw new LockLostError(this.name, 'released')
  }

  async extend(ttl?: Duration): Promise<void> {
    await this.renew(ttl === undefined ? this.ttl : parseDuration(ttl, 'ttl'))
  }

  release(): Promise<boolean> {
    this.#look()
    if (this.#lost) return Promise.resolve(false)
    this.#releasing ??= this.#release()
    return this.#releasing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#quietly(this.release())
  }

  /** Gives it back from under its holder, who is told first. Never rejects. */
  revoke(): Promise<void> {
    this.#look()
    if (!this.#lost && !this.#releasing) {
      this.#lose('closed')
      this.#revoking = this.#leave()
    }
    return this.#quietly(this.#releasing ?? this.#revoking ?? Promise.resolve(false))
  }

  /** Whether there is still something to renew: it is held, and `maxHold` is not exhausted. */
  get renewable(): boolean {
    this.#look()
    return !this.#lost && !this.#releasing && this.#deadline < this.#holding.lastMoment
  }

  async renew(ttl: number): Promise<void> {
    this.assertHeld()
    const { ground, claim, lastMoment } = this.#holding
    const asked = Math.min(ttl, reliableFor(lastMoment - performance.now()))
    this.#longest = Math.max(this.#longest, asked)
    const deadline = await ground.extend(claim, this.fence, asked)
    // Meanwhile it may have been released, or the answer came too late.
    this.assertHeld()
    if (deadline === undefined) {
      this.#lose('taken')
      throw this.#lost!
    }
    this.#deadline = Math.max(this.#deadline, Math.min(deadline, lastMoment))
    this.assertHeld()
  }

  async #release(): Promise<boolean> {
    this.#end()
    emit(channels.lock, () => ({
      name: this.name,
      event: 'released',
      ms: performance.now() - this.#since,
    }))
    return this.#leave()
  }

  /**
   * What gets no answer is asked once more; and on and on if that gets none, but nobody waits for
   * it.
   */
  async #leave(): Promise<boolean> {
    const { ground, claim } = this.#holding
    try {
      return await ground
        .leave(claim, this.#longest)
        .catch(() => ground.leave(claim, this.#longest))
    } catch (error) {
      void this.#abandon()
      throw error
    }
  }

  #abandon(): Promise<void> {
    const { ground, claim } = this.#holding
    return ground.abandon(claim, this.#longest)
  }

  async #quietly(leaving: Promise<boolean>): Promise<void> {
    await leaving.catch((error: unknown) =>
      emit(channels.error, () => ({ operation: 'lock release', key: this.name, error })),
    )
  }

  #look(): void {
    if (!this.#lost && !this.#releasing && performance.now() >= this.#deadline)
      this.#lose(this.#deadline >= this.#holding.lastMoment ? 'max-hold' : 'expired')
  }

  #lose(reason: LostReason): void {
    this.#lost = new LockLostError(this.name, reason)
    this.#end()
    // Of one that was taken, the rest is of no use. One whose time is over may live on in Redis, by
    // an extension that got no answer: it is given back, but not before its holder had the time to
    // stop that it would have had without.
    if (reason === 'taken') void this.#abandon()
    else if (reason !== 'closed')
      setTimeout(
        () => void this.#abandon(),
        Math.min(this.#longest - safe(this.#longest), LONGEST_TIMER),
      ).unref()
    emit(channels.lock, () => ({
      name: this.name,
      event: 'lost',
      ms: performance.now() - this.#since,
    }))
    this.#controller?.abort(this.#lost)
  }

  #end(): void {
    if (this.#watch) deadlines.done(this.#watch)
    this.#holding.ended(this)
  }

  /** Deadlines only move away, so it is watched anew when it passes, not with each renewal. */
  #arm(): void {
    this.#watch = deadlines.set(this.remaining, () => {
      this.#look()
      if (!this.#lost && !this.#releasing) this.#arm()
    })
  }
}

import { CacheError } from '../errors.js'
import { Deadlines, type Deadline } from './deadlines.js'
import type { Handle } from './swap-list.js'

export interface RenewedHoldOptions {
  /** For how many ms Redis keeps what is held after each renewal. */
  readonly ttl: number
  /** When it was requested, by `performance.now()`. */
  readonly requestedAt: number
  /**
   * Renews it, with a timeout in ms. Resolves to `false` if Redis says that it is not held any
   * more.
   */
  readonly renew: (timeout: number) => Promise<boolean>
  /** Called if it is lost: not renewed in time, or not held any more, as Redis says. */
  readonly onLost: (reason: 'expired' | 'taken') => void
  /** Whether to go on renewing what was not renewed in time. It may still be held. */
  readonly renewsExpired: boolean
  /** Called with the error of each renewal that failed. It is tried again soon. */
  readonly onError: (error: unknown) => void
}

/**
 * Something with a ttl that this process holds in Redis. It is renewed after each third of its ttl,
 * until it is ended or lost. The holder learns of a loss before Redis forgets it: the ttl counts
 * from the request of the last renewal, and ends slightly earlier, because timers fire late.
 */
export class RenewedHold {
  readonly #options: RenewedHoldOptions
  #expiry: Handle<Deadline> | undefined
  #renewal: Handle<Deadline> | undefined
  #ended = false

  constructor(options: RenewedHoldOptions) {
    this.#options = options
    this.#extend(options.requestedAt)
  }

  /** Ends the renewals. It is not lost any more. */
  end(): void {
    this.#ended = true
    this.#clear()
  }

  #extend(requestedAt: number): void {
    const { ttl } = this.#options
    this.#clear()
    const left = requestedAt + ttl - Math.min(ttl / 10, 100) - performance.now()
    if (left <= 0) this.#lose('expired')
    else this.#expiry = deadlines.set(left, () => this.#lose('expired'))
    if (!this.#ended) this.#renewAfter(Math.max(0, left - (2 * ttl) / 3))
  }

  #renewAfter(ms: number): void {
    this.#renewal = deadlines.set(ms, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const { ttl, renew, onError } = this.#options
    const requestedAt = performance.now()
    let isHeld: boolean
    try {
      isHeld = await renew(Math.ceil(ttl / 3))
    } catch (error) {
      if (this.#ended) return
      // After the client was closed, it ends by its ttl.
      if (error instanceof CacheError && error.code === 'CLOSED') return
      onError(error)
      this.#renewAfter(ttl / 20)
      return
    }
    if (this.#ended) return
    if (isHeld) this.#extend(requestedAt)
    else this.#lose('taken')
  }

  #lose(reason: 'expired' | 'taken'): void {
    const { renewsExpired, onLost } = this.#options
    if (reason === 'taken' || !renewsExpired) this.end()
    onLost(reason)
  }

  #clear(): void {
    if (this.#expiry) deadlines.done(this.#expiry)
    if (this.#renewal) deadlines.done(this.#renewal)
  }
}

/** One timer serves all that this process holds. */
const deadlines = /* @__PURE__ */ new Deadlines()

import type { Circuit } from '../drivers/driver.js'
import type { Breaker } from './resilience.js'

/** The permission to send. The result of a probe closes the circuit or opens it again. */
export type Permit = 'normal' | 'probe'

/**
 * The state of a circuit breaker, by the monotonic clock. It opens after `failures` failures in a
 * row if the server is silent then. After each cooldown it permits one probe, and nothing else
 * until the result of that probe is known.
 */
export class CircuitBreaker {
  readonly #limits: Pick<Breaker, 'failures' | 'cooldown'>
  readonly #isSilent: () => boolean
  #state: Circuit = 'closed'
  #failures = 0
  #openedAt = 0

  constructor(limits: Pick<Breaker, 'failures' | 'cooldown'>, isSilent: () => boolean) {
    this.#limits = limits
    this.#isSilent = isSilent
  }

  /** `half-open` means that a probe is under way, or that the next command is one. */
  get state(): Circuit {
    return this.#state === 'open' && this.#hasCooledDown ? 'half-open' : this.#state
  }

  /** Returns `undefined` if nothing may be sent now. Report the result of what you send. */
  permit(): Permit | undefined {
    if (this.#state === 'closed') return 'normal'
    if (this.#state === 'half-open' || !this.#hasCooledDown) return undefined
    this.#state = 'half-open'
    return 'probe'
  }

  succeeded(permit: Permit): void {
    this.#failures = 0
    if (permit === 'probe') this.#state = 'closed'
  }

  /** Ignores commands that were sent before the circuit opened. */
  failed(permit: Permit): void {
    if (permit !== 'probe') {
      if (this.#state !== 'closed') return
      this.#failures++
      if (this.#failures < this.#limits.failures || !this.#isSilent()) return
    }
    this.#state = 'open'
    this.#openedAt = performance.now()
  }

  get #hasCooledDown(): boolean {
    return performance.now() - this.#openedAt >= this.#limits.cooldown
  }
}

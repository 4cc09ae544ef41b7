import { Deadlines, type Deadline } from '../util/deadlines.js'
import type { Handle } from '../util/swap-list.js'

interface RenewalOptions {
  /** The ttl of the lease, in ms. */
  readonly ttl: number
  /** The number of ttls for which the lease is renewed. */
  readonly ttls: number
  /**
   * Renews the lease. Resolves to `false` if there is nothing to renew any more. `yields`: the next
   * caller that asks for the lease may take it.
   */
  readonly renew: (yields: boolean) => Promise<boolean>
}

/**
 * Renews leases while their holders load.
 *
 * A lease is renewed three times per ttl, for a limited number of ttls, because a loader may hang.
 * After the first ttl its renewals yield: the next caller that asks for the lease takes it over.
 */
export class Renewals {
  readonly #deadlines = new Deadlines()

  start(options: RenewalOptions): Renewal {
    return new Renewal(this.#deadlines, options)
  }
}

/** The renewals of one lease. */
export class Renewal {
  readonly #deadlines: Deadlines
  readonly #options: RenewalOptions
  #left: number
  #next: Handle<Deadline> | undefined

  constructor(deadlines: Deadlines, options: RenewalOptions) {
    this.#deadlines = deadlines
    this.#options = options
    this.#left = 3 * options.ttls
    this.#schedule()
  }

  stop(): void {
    this.#left = 0
    if (this.#next) this.#deadlines.done(this.#next)
    this.#next = undefined
  }

  #schedule(): void {
    this.#next = this.#deadlines.set(this.#options.ttl / 3, () => this.#renew())
  }

  #renew(): void {
    this.#next = undefined
    if (--this.#left === 0) return
    this.#schedule()
    const { ttls, renew } = this.#options
    const isPastFirstTtl = 3 * ttls - this.#left >= 3
    renew(isPastFirstTtl).then(
      (held) => {
        if (!held) this.stop()
      },
      () => undefined, // A renewal that fails is tried again.
    )
  }
}

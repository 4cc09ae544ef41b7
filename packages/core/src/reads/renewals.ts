import { Deadlines, type Deadline } from '../util/deadlines.js'
import type { Handle } from '../util/swap-list.js'

interface Renewal {
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

  start({ ttl, ttls, renew }: Renewal): { stop(): void } {
    let left = 3 * ttls
    let next: Handle<Deadline> | undefined
    const schedule = (): void => {
      next = this.#deadlines.set(ttl / 3, renewAgain)
    }
    const renewAgain = (): void => {
      next = undefined
      if (--left === 0) return
      schedule()
      const isPastFirstTtl = 3 * ttls - left >= 3
      renew(isPastFirstTtl).then(
        (held) => {
          if (!held) stop()
        },
        () => undefined, // A renewal that fails is tried again.
      )
    }
    const stop = (): void => {
      left = 0
      if (next) this.#deadlines.done(next)
      next = undefined
    }
    schedule()
    return { stop }
  }
}

import { Deadlines, type Deadline } from '../deadlines.js'
import type { Seat } from '../bag.js'

/**
 * Renews leases while their holders load, three times in each ttl, but not for ever: a loader may hang. Past the first ttl they yield:
 * whoever asks takes the lease over.
 */
export class Renewals {
  readonly #deadlines = new Deadlines()

  /** For so many `ttls`, of `ttl` ms each. `renew` answers `false` where there is nothing to renew any more. */
  start({ ttl, ttls, renew }: { readonly ttl: number; readonly ttls: number; readonly renew: (yields: boolean) => Promise<boolean> }): { stop(): void } {
    let left = 3 * ttls
    let next: Seat<Deadline> | undefined
    const wait = (): void => { next = this.#deadlines.set(ttl / 3, again) }
    const again = (): void => {
      next = undefined
      if (--left === 0) return
      wait()
      renew(3 * ttls - left >= 3).then((held) => { if (!held) stop() }, () => undefined) // not answered: it is asked again
    }
    const stop = (): void => {
      left = 0
      if (next) this.#deadlines.done(next)
      next = undefined
    }
    wait()
    return { stop }
  }
}

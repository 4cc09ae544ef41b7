import { Deadlines, type Deadline } from '../deadlines.js'
import type { Seat } from '../bag.js'

/** Renews leases while their holders load: after a third of their ttl, and no longer than ten times their ttl, should a loader hang. */
export class Renewals {
  readonly #deadlines = new Deadlines()

  /** `renew` answers `false` where there is nothing to renew any more. */
  start(ttl: number, renew: () => Promise<boolean>): { stop(): void } {
    let left = 3 * MOST_TTLS
    let next: Seat<Deadline> | undefined
    const wait = (): void => { next = this.#deadlines.set(ttl / 3, again) }
    const again = (): void => {
      next = undefined
      if (--left === 0) return
      wait()
      renew().then((held) => { if (!held) stop() }, () => undefined) // not answered: it is asked again
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

const MOST_TTLS = 10

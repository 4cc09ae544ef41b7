import { Deadlines, type Deadline } from '../util/deadlines.js'
import type { Handle } from '../util/swap-list.js'

interface Renewal {
  /** Ms. */
  readonly ttl: number
  /** For so many of them it is renewed. */
  readonly ttls: number
  /**
   * Answers `false` where there is nothing to renew any more. `yields`: whoever asks may take it.
   */
  readonly renew: (yields: boolean) => Promise<boolean>
}

/**
 * Renews leases while their holders load, three times in each ttl, but not for ever: a loader may
 * hang. Past the first ttl they yield: whoever asks takes the lease over.
 */
export class Renewals {
  readonly #deadlines = new Deadlines()

  start({ ttl, ttls, renew }: Renewal): { stop(): void } {
    let left = 3 * ttls
    let next: Handle<Deadline> | undefined
    const wait = (): void => {
      next = this.#deadlines.set(ttl / 3, again)
    }
    const again = (): void => {
      next = undefined
      if (--left === 0) return
      wait()
      const isPastFirst = 3 * ttls - left >= 3
      // Where it is not answered, it is asked again.
      renew(isPastFirst).then(
        (held) => {
          if (!held) stop()
        },
        () => undefined,
      )
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

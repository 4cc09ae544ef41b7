import { LRUCache } from 'lru-cache'
import type { Clock } from './clock.js'
import type { Verdict } from './scripts.js'

/** Tokens that were charged in Redis, to be spent in this process. */
export interface Tokens {
  left: number
  /** Ms of the process' clock, before which they must be spent. */
  readonly until: number
  /** What Redis said, and when that came. */
  readonly verdict: Verdict
  readonly since: number
  /** What was spent, by its receipt: it may be put back. */
  readonly spent: Map<string, number>
}

/**
 * `lease: n`: takes n tokens at a time and spends them here, one round trip for n requests. What is not spent before the lease ends is
 * lost, so a crash under-uses and never over-admits: Redis counts leased tokens as if they were spent at the end of their lease.
 */
export class TokenLeases {
  readonly #clock: Clock
  readonly #leases = new LRUCache<string, Tokens>({ max: MOST })
  readonly #asking = new Map<string, Promise<boolean>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Takes `cost` from the lease. Where it does not hold as much, one caller asks for the next and the others wait for it; `undefined` where
   * that was not granted.
   */
  async take(key: string, cost: number, ask: () => Promise<Tokens | undefined>): Promise<Tokens | undefined> {
    for (;;) {
      const lease = this.#usable(key)
      if (lease && lease.left >= cost) {
        lease.left -= cost
        return lease
      }
      const asking = this.#asking.get(key)
      if (!asking) return this.#ask(key, cost, ask)
      if (!(await asking)) return undefined
    }
  }

  /** Puts back what was spent under this receipt, once, while its lease lasts. */
  putBack(key: string, receipt: string): boolean {
    const lease = this.#usable(key)
    const cost = lease?.spent.get(receipt)
    if (!lease || cost === undefined) return false
    lease.spent.delete(receipt)
    lease.left += cost
    return true
  }

  forget(key: string): void {
    this.#leases.delete(key)
  }

  async #ask(key: string, cost: number, ask: () => Promise<Tokens | undefined>): Promise<Tokens | undefined> {
    const asking = ask()
    this.#asking.set(key, asking.then((tokens) => tokens !== undefined, () => false))
    try {
      const tokens = await asking
      if (tokens === undefined) return undefined
      tokens.left -= cost
      this.#leases.set(key, tokens)
      return tokens
    } finally {
      this.#asking.delete(key)
    }
  }

  #usable(key: string): Tokens | undefined {
    const lease = this.#leases.get(key)
    if (lease && this.#clock.now() < lease.until) return lease
    if (lease) this.#leases.delete(key)
    return undefined
  }
}

/** Ids whose leases are kept. */
const MOST = 10_000

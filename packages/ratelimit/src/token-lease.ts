import { createToken } from '@cache/core'
import { boundedMap } from './bounded-map.js'
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
}

/** What a request was given, and the token of its receipt. */
export interface Spent {
  readonly tokens: Tokens
  readonly token: string
}

interface Lease {
  readonly tokens: Tokens
  /** The first part of the tokens of its receipts. */
  readonly name: string
  receipts: number
  /** Of which receipts it was put back. */
  readonly back: Set<string>
}

/**
 * `lease: n`: takes n tokens at a time and spends them here, one round trip for n requests. What is not spent before the lease ends is
 * lost, so a crash under-uses and never over-admits: Redis counts leased tokens as if they were spent at the end of their lease.
 */
export class TokenLeases {
  readonly #clock: Clock
  readonly #leases = boundedMap<Lease>(MOST)
  readonly #asking = new Map<string, Promise<boolean>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Takes `cost` from the lease. Where it does not hold as much, one caller asks for the next and the others wait for it; `undefined` where
   * that was not granted.
   */
  async take(key: string, cost: number, ask: () => Promise<Tokens | undefined>): Promise<Spent | undefined> {
    for (;;) {
      const lease = this.#usable(key)
      if (lease && lease.tokens.left >= cost) return spend(lease, cost)
      const asking = this.#asking.get(key)
      if (!asking) return this.#ask(key, cost, ask)
      if (!(await asking)) return undefined
    }
  }

  /** Puts back what was spent under this receipt, once, while its lease lasts. */
  putBack(key: string, receipt: string, cost: number): boolean {
    const lease = this.#usable(key)
    if (!lease || !receipt.startsWith(`${lease.name}/`) || lease.back.has(receipt) || lease.tokens.left + cost > lease.tokens.verdict.granted) return false
    lease.back.add(receipt)
    lease.tokens.left += cost
    return true
  }

  forget(key: string): void {
    this.#leases.delete(key)
  }

  async #ask(key: string, cost: number, ask: () => Promise<Tokens | undefined>): Promise<Spent | undefined> {
    const asking = ask()
    this.#asking.set(key, asking.then((tokens) => tokens !== undefined, () => false))
    try {
      const tokens = await asking
      if (tokens === undefined) return undefined
      const lease = { tokens, name: createToken(), receipts: 0, back: new Set<string>() }
      this.#leases.set(key, lease)
      return spend(lease, cost)
    } finally {
      this.#asking.delete(key)
    }
  }

  #usable(key: string): Lease | undefined {
    const lease = this.#leases.get(key)
    if (lease && this.#clock.now() < lease.tokens.until) return lease
    if (lease) this.#leases.delete(key)
    return undefined
  }
}

function spend(lease: Lease, cost: number): Spent {
  lease.tokens.left -= cost
  return { tokens: lease.tokens, token: `${lease.name}/${++lease.receipts}` }
}

/** Ids whose leases are kept. */
const MOST = 10_000

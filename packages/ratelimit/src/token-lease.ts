import { createToken } from '@cache/core/internal'
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

/** What comes instead of tokens: Redis granted no lease, or did not decide in time. */
export type NoLease = 'none' | 'outage'

/** What a request was given, and the token of its receipt. */
export interface Spent {
  readonly tokens: Tokens
  readonly token: string
}

export interface Asking {
  /** Asks Redis for the next lease. */
  readonly ask: () => Promise<Tokens | NoLease>
  /** What another caller's question comes to; `'outage'` where that takes this caller too long. */
  readonly inTime: <T>(asking: Promise<T>) => Promise<T | 'outage'>
}

interface Lease {
  readonly tokens: Tokens
  /** The first part of the tokens of its receipts. */
  readonly name: string
  receipts: number
  /** The numbers of the receipts of which it was put back. */
  readonly back: Set<number>
}

/**
 * `lease: n`: takes n tokens at a time and spends them here, one round trip for n requests. What is
 * not spent before the lease ends is lost, so a crash under-uses and never over-admits: Redis
 * counts leased tokens as if they were spent at the end of their lease.
 */
export class TokenLeases {
  readonly #clock: Clock
  readonly #leases = boundedMap<Lease>(MOST, ({ back }) => back.size * BYTES_OF_NUMBER)
  readonly #asking = new Map<string, Promise<'leased' | NoLease>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Takes `cost` from the lease. Where it does not hold as much, one caller asks for the next, and
   * the others wait for it, `inTime`. They are told why there is none, if there is none.
   */
  async take(key: string, cost: number, { ask, inTime }: Asking): Promise<Spent | NoLease> {
    for (;;) {
      const lease = this.#usable(key)
      if (lease && lease.tokens.left >= cost) return spend(lease, cost)
      const asking = this.#asking.get(key)
      if (!asking) return this.#ask(key, cost, ask)
      const outcome = await inTime(asking)
      if (outcome !== 'leased') return outcome
    }
  }

  /** Puts back what was spent under this receipt, once, while its lease lasts. */
  putBack(key: string, receipt: string, cost: number): boolean {
    const lease = this.#usable(key)
    if (!lease || lease.tokens.left + cost > lease.tokens.verdict.granted) return false
    const number = Number(receipt.slice(lease.name.length + 1))
    const isOfLease =
      number >= 1 && number <= lease.receipts && receipt === `${lease.name}/${number}`
    if (!isOfLease || lease.back.has(number) || lease.back.size >= MOST_BACK) return false
    lease.back.add(number)
    lease.tokens.left += cost
    this.#leases.set(key, lease) // it has become larger
    return true
  }

  forget(key: string): void {
    this.#leases.delete(key)
  }

  async #ask(key: string, cost: number, ask: Asking['ask']): Promise<Spent | NoLease> {
    const asking = ask()
    this.#asking.set(
      key,
      asking.then(
        (asked) => (typeof asked === 'string' ? asked : 'leased'),
        () => 'none',
      ),
    )
    try {
      const tokens = await asking
      if (typeof tokens === 'string') return tokens
      const lease = { tokens, name: createToken(), receipts: 0, back: new Set<number>() }
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

/** Receipts of a lease that can be put back; later ones are lost, as in a crash. */
const MOST_BACK = 10_000
const BYTES_OF_NUMBER = 32
/** Ids whose leases are kept. */
const MOST = 10_000

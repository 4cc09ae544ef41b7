import { createToken } from '@cache/core/internal'
import { boundedMap } from './bounded-map.js'
import type { Clock } from './clock.js'
import type { Verdict } from './limit-scripts.js'

/** A batch of tokens that was charged in Redis, to be spent in this process. */
export interface TokenBatch {
  left: number
  /** Milliseconds of the process' clock. The tokens must be spent before. */
  readonly spendBefore: number
  /** Identifies the limits that the tokens were charged under. */
  readonly fingerprint: string
  /** The verdict of Redis that granted the tokens. */
  readonly verdict: Verdict
  /** When the verdict was received, in milliseconds of the process' clock. */
  readonly receivedAt: number
}

/** Why there are no tokens: Redis granted no batch, or it did not decide in time. */
export type NoTokens = 'none' | 'outage'

/** The tokens that a request got. */
export interface SpentTokens {
  readonly batch: TokenBatch
  /** The token of the request's receipt. */
  readonly token: string
}

export interface PrefetchCalls {
  /** Asks Redis for the next batch. */
  readonly fetch: () => Promise<TokenBatch | NoTokens>
  /**
   * Waits for the fetch of another caller. Resolves with `'outage'` if that takes longer than this
   * caller's deadline.
   */
  readonly wait: <T>(fetching: Promise<T>) => Promise<T | 'outage'>
}

interface Fetch {
  /** True if the tokens were dropped before they arrived. */
  isDropped: boolean
  readonly outcome: Promise<'fetched' | NoTokens>
}

interface StoredBatch {
  readonly tokens: TokenBatch
  /** The first part of the token of each receipt of this batch. */
  readonly name: string
  /** The number of receipts so far. The receipts are numbered from 1. */
  receipts: number
  /** The numbers of the receipts that were refunded. */
  readonly refunded: Set<number>
}

/**
 * The prefetched tokens of each id (option `prefetch`). A batch costs one round trip and serves
 * many requests. Redis counts the tokens of a batch as if they were spent at the end of its
 * lifetime, and tokens that are not spent by then are lost. So a crash uses less than the limit and
 * never admits more.
 */
export class PrefetchedTokens {
  readonly #clock: Clock
  readonly #batches = boundedMap<StoredBatch>(
    MAX_IDS,
    ({ refunded }) => refunded.size * BYTES_PER_NUMBER,
  )
  readonly #fetches = new Map<string, Fetch>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Takes `cost` tokens from the batch of the key. If too few are left, or if they were charged
   * under other limits, one caller fetches the next batch while the others wait for it. Resolves
   * with the reason if there is no batch.
   */
  async take(
    key: string,
    cost: number,
    fingerprint: string,
    calls: PrefetchCalls,
  ): Promise<SpentTokens | NoTokens> {
    for (;;) {
      const batch = this.#usable(key)
      if (batch && batch.tokens.fingerprint === fingerprint && batch.tokens.left >= cost)
        return spend(batch, cost)
      const fetch = this.#fetches.get(key)
      if (!fetch) return this.#fetch(key, cost, calls.fetch)
      const outcome = await calls.wait(fetch.outcome)
      if (outcome !== 'fetched') return outcome
    }
  }

  /**
   * Puts the tokens of a receipt back into their batch, once, while the batch can be spent. Returns
   * whether it did.
   */
  refund(key: string, receiptToken: string, cost: number): boolean {
    const batch = this.#usable(key)
    if (!batch || batch.tokens.left + cost > batch.tokens.verdict.granted) return false
    const number = Number(receiptToken.slice(batch.name.length + 1))
    const isOfBatch =
      number >= 1 && number <= batch.receipts && receiptToken === `${batch.name}/${number}`
    if (!isOfBatch || batch.refunded.has(number) || batch.refunded.size >= MAX_REFUNDS) return false
    batch.refunded.add(number)
    batch.tokens.left += cost
    this.#batches.set(key, batch) // Its size has grown.
    return true
  }

  /** Drops the tokens of the key. Those of a fetch under way go to its own caller at most. */
  delete(key: string): void {
    this.#batches.delete(key)
    const fetch = this.#fetches.get(key)
    if (fetch) fetch.isDropped = true
  }

  async #fetch(
    key: string,
    cost: number,
    fetch: PrefetchCalls['fetch'],
  ): Promise<SpentTokens | NoTokens> {
    const fetching = fetch()
    const entry: Fetch = {
      isDropped: false,
      outcome: fetching.then(
        (fetched) => (typeof fetched === 'string' ? fetched : 'fetched'),
        () => 'none',
      ),
    }
    this.#fetches.set(key, entry)
    try {
      const tokens = await fetching
      if (typeof tokens === 'string') return tokens
      const batch = { tokens, name: createToken(), receipts: 0, refunded: new Set<number>() }
      if (!entry.isDropped) this.#batches.set(key, batch)
      return spend(batch, cost)
    } finally {
      this.#fetches.delete(key)
    }
  }

  #usable(key: string): StoredBatch | undefined {
    const batch = this.#batches.get(key)
    if (batch && this.#clock.now() < batch.tokens.spendBefore) return batch
    if (batch) this.#batches.delete(key)
    return undefined
  }
}

function spend(batch: StoredBatch, cost: number): SpentTokens {
  batch.tokens.left -= cost
  return { batch: batch.tokens, token: `${batch.name}/${++batch.receipts}` }
}

/** The receipts of a batch that can be refunded. Later refunds are lost, as in a crash. */
const MAX_REFUNDS = 10_000
const BYTES_PER_NUMBER = 32
/** The number of ids whose batches are kept. */
const MAX_IDS = 10_000

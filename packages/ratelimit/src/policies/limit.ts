/**
 * One limit of a rate limiter. Create it with `slidingWindow`, `slidingCounter`, `fixedWindow`,
 * `tokenBucket`, `gcra` or `concurrency`.
 */
export interface Limit {
  readonly policy:
    'slidingWindow' | 'slidingCounter' | 'fixedWindow' | 'tokenBucket' | 'gcra' | 'concurrency'
  readonly name: string
  /** The highest cost that can be admitted at once. */
  readonly limit: number
  /**
   * Milliseconds in which `limit` becomes available again. For `concurrency`: milliseconds after
   * which a slot expires that nobody renews.
   */
  readonly window: number
  /**
   * The arguments of the Lua scripts: the kind of state, which is also the last part of its key;
   * the limit; and two numbers whose meaning depends on the kind (lua/common.lua).
   */
  readonly script: readonly [kind: StateKind, limit: string, a: string, b: string]
}

export type StateKind = 'log' | 'counter' | 'fixed' | 'bucket' | 'slots'

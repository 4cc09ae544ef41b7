import type { Duration } from '@cache/core'
import { checkOptions, type OptionChecks } from '@cache/core/internal'

/**
 * One limit of a limiter: made by `slidingWindow`, `slidingCounter`, `fixedWindow`, `tokenBucket`,
 * `gcra` or `concurrency`.
 */
export interface Limit {
  readonly policy:
    'slidingWindow' | 'slidingCounter' | 'fixedWindow' | 'tokenBucket' | 'gcra' | 'concurrency'
  readonly name: string
  /** The most that can be had at once. */
  readonly limit: number
  /**
   * Ms in which as much comes back; of `concurrency`, after which a slot that nobody renews ends.
   */
  readonly window: number
  /** Where its state is kept, and what the scripts are told: kind, limit, a, b (lua/common.lua). */
  readonly script: readonly [kind: Kind, limit: string, a: string, b: string]
}

type Kind = 'log' | 'counter' | 'fixed' | 'bucket' | 'slots'

export interface WindowOptions {
  /** How it is called in decisions and headers: 1 to 64 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** How much is allowed in a window: a whole number of at least 1. */
  readonly limit: number
  readonly window: Duration
}

/**
 * A log of what was admitted. Bound: never more than `limit` in any window, wherever it begins.
 * Exact, at the price of an entry for each request that is in the window.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example slidingWindow({ name: 'burst', limit: 10, window: '1s' })
 */
export function slidingWindow(options: WindowOptions): Limit {
  const { name, limit, window } = windowOf('slidingWindow', options)
  return {
    policy: 'slidingWindow',
    name,
    limit,
    window,
    script: ['log', String(limit), String(window * 1_000), '0'],
  }
}

/**
 * Two counters: what was taken in this window, and the share of the window before that still lies
 * within one window of now. Bound: at most `limit × (1 + d / window)` in any time `d` up to a
 * window, so less than `2 × limit` in any window and no more than `limit` in a short burst. Takes
 * one small key, whatever the limit.
 *
 * Source: https://blog.cloudflare.com/counting-things-a-lot-of-different-things/
 *
 * @throws {InvalidOptionError} naming the option.
 * @example slidingCounter({ name: 'hourly', limit: 5_000, window: '1h' })
 */
export function slidingCounter(options: WindowOptions): Limit {
  const { check, name, limit, window } = windowOf('slidingCounter', options)
  if (limit * window > EXACT / 4)
    check.fail(
      'limit',
      `at most ${Math.floor(EXACT / 4 / window)} in a window this long, so that it can be counted exactly`,
    )
  return {
    policy: 'slidingCounter',
    name,
    limit,
    window,
    script: ['counter', String(limit), String(window * 1_000), '0'],
  }
}

/**
 * A counter for each window; the first request opens one. Bound: `limit` in each window, at most `2
 * × limit − 1` in any time as long as one, across an edge. Takes one small key.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example fixedWindow({ name: 'login', limit: 5, window: '15m' })
 */
export function fixedWindow(options: WindowOptions): Limit {
  const { name, limit, window } = windowOf('fixedWindow', options)
  return {
    policy: 'fixedWindow',
    name,
    limit,
    window,
    script: ['fixed', String(limit), String(window * 1_000), '0'],
  }
}

export interface TokenBucketOptions {
  /** How it is called in decisions and headers: 1 to 64 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** How much the bucket holds; it begins full. */
  readonly capacity: number
  /** How much comes back in each `interval`, evenly. */
  readonly refill: number
  readonly interval: Duration
}

/**
 * A bucket that holds `capacity` tokens and gets `refill` of them back in each `interval`, evenly.
 * Bound: at most `capacity + refill × T / interval` in any time T. Takes one small key: the time at
 * which the bucket is full again.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example tokenBucket({ name: 'api', capacity: 100, refill: 10, interval: '1s' })
 */
export function tokenBucket(options: TokenBucketOptions): Limit {
  const check = checkOptions('tokenBucket', options, ['name', 'capacity', 'refill', 'interval'])
  const capacity = check.number('capacity', WHOLE)
  return bucket(
    check,
    'tokenBucket',
    'capacity',
    capacity,
    check.number('refill', WHOLE),
    length(check, 'interval'),
  )
}

export interface GcraOptions extends WindowOptions {
  /** How much may come at once. Default: `limit`; 1 spaces requests evenly. */
  readonly burst?: number
}

/**
 * The generic cell rate algorithm: `limit` in a window, evenly, and up to `burst` at once. Bound:
 * at most `burst + limit × T / window` in any time T. Takes one small key: the theoretical arrival
 * time.
 *
 * Source: ITU-T I.371, annex A; https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 *
 * @throws {InvalidOptionError} naming the option.
 * @example gcra({ name: 'daily', limit: 10_000, window: '1d', burst: 100 })
 */
export function gcra(options: GcraOptions): Limit {
  const { check, limit, window } = windowOf('gcra', options, ['burst'])
  return bucket(
    check,
    'gcra',
    check.has('burst') ? 'burst' : 'limit',
    check.number('burst', WHOLE, limit),
    limit,
    window,
  )
}

export interface ConcurrencyOptions {
  /** How it is called in decisions and headers: 1 to 64 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** How many may hold a slot at once. */
  readonly limit: number
  /**
   * After how long a slot ends that its holder, having crashed or lost Redis, does not renew.
   * Renewed each third of it.
   */
  readonly ttl: Duration
}

/**
 * Slots, which are held until they are released. Bound: never more than `limit` at once, also after
 * a crash: a holder that can't renew in time is told by the decision's `signal` before its slot
 * goes to another. A decision takes one slot, whatever its cost.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const exports = createRateLimiter({ client, prefix: 'export', limits: [concurrency({ name: 'running', limit: 3, ttl: '10s' })] })
 * await using decision = await exports.consume('user:42')
 */
export function concurrency(options: ConcurrencyOptions): Limit {
  const check = checkOptions('concurrency', options, ['name', 'limit', 'ttl'])
  const name = nameOf(check)
  const limit = check.number('limit', WHOLE)
  const window = length(check, 'ttl')
  return {
    policy: 'concurrency',
    name,
    limit,
    window,
    script: ['slots', String(limit), String(window * 1_000), '0'],
  }
}

/** What doubles, in Lua and in JavaScript, count without a gap. */
const EXACT = Number.MAX_SAFE_INTEGER
const WHOLE = { min: 1, integer: true } as const
const TEN_YEARS = 3_653 * 86_400_000

function windowOf(
  policy: string,
  options: WindowOptions,
  more: readonly string[] = [],
): {
  readonly check: OptionChecks
  readonly name: string
  readonly limit: number
  readonly window: number
} {
  const check = checkOptions(policy, options, ['name', 'limit', 'window', ...more])
  return {
    check,
    name: nameOf(check),
    limit: check.number('limit', WHOLE),
    window: length(check, 'window'),
  }
}

/**
 * `refill` tokens in `interval` ms. A token has as many units as make both it and what comes back
 * in a µs a whole number of them.
 */
function bucket(
  check: OptionChecks,
  policy: 'tokenBucket' | 'gcra',
  option: string,
  capacity: number,
  refill: number,
  interval: number,
): Limit {
  const shared = greatestCommonDivisor(refill, interval * 1_000)
  const token = (interval * 1_000) / shared
  const back = refill / shared
  if (capacity * token > EXACT / 4)
    check.fail(
      option,
      `at most ${Math.floor(EXACT / 4 / token)} at this rate, so that it can be counted exactly`,
    )
  const window = Math.ceil((capacity * interval) / refill)
  if (window > TEN_YEARS) check.fail(option, 'what comes back within ten years')
  return {
    policy,
    name: nameOf(check),
    limit: capacity,
    window,
    script: ['bucket', String(capacity), String(token), String(back)],
  }
}

function nameOf(check: OptionChecks): string {
  const name = check.string('name')
  if (!/^[\w.-]{1,64}$/.test(name)) check.fail('name', '1 to 64 of A-Z a-z 0-9 _ . -')
  return name
}

function length(check: OptionChecks, option: string): number {
  const ms = check.duration(option)
  if (ms > TEN_YEARS) check.fail(option, 'ten years at most')
  return ms
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

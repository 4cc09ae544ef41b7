import { InvalidOptionError, parseDuration, type Duration } from '@cache/core'
import {
  customOption,
  inPart,
  numberOption,
  readOptions,
  required,
  textOption,
  type Option,
  type OptionTable,
} from '@cache/core/internal'

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

type StateKind = 'log' | 'counter' | 'fixed' | 'bucket' | 'slots'

export interface WindowOptions {
  /**
   * The name in decisions, headers and keys: 1 to 64 of the characters `A-Z a-z 0-9 _ . -`.
   * Default: the policy (`'sliding-window'`, `'sliding-counter'`, `'fixed-window'`, `'gcra'`). A
   * limit that gets another name begins anew.
   */
  readonly name?: string
  /** The cost that is allowed in a window: a whole number of at least 1. */
  readonly limit: number
  /** The length of a window. */
  readonly window: Duration
}

/**
 * A sliding window log. It admits at most `limit` in any window, wherever the window begins. It is
 * exact, and stores an entry for each request in the window.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example slidingWindow({ name: 'burst', limit: 10, window: '1s' })
 */
export function slidingWindow(options: WindowOptions): Limit {
  return inPart('slidingWindow', () => {
    const { name, limit, window } = readOptions('slidingWindow', slidingWindowOptions, options)
    return {
      policy: 'slidingWindow',
      name,
      limit,
      window,
      script: ['log', String(limit), String(window * 1_000), '0'],
    }
  })
}

/**
 * A sliding window counter. It keeps the count of the current window and that of the window before,
 * which is weighted by its overlap with one window before now.
 *
 * Bound: it admits at most `limit × (1 + d / window)` in any time `d` up to a window. So it admits
 * less than `2 × limit` in any window, and at most `limit` in a short burst. It stores one small
 * key, whatever the limit.
 *
 * Source: https://blog.cloudflare.com/counting-things-a-lot-of-different-things/
 *
 * @throws {InvalidOptionError} naming the option.
 * @example slidingCounter({ name: 'hourly', limit: 5_000, window: '1h' })
 */
export function slidingCounter(options: WindowOptions): Limit {
  return inPart('slidingCounter', () => {
    const { name, limit, window } = readOptions('slidingCounter', slidingCounterOptions, options)
    if (limit * window > MAX_EXACT / 4)
      throw new InvalidOptionError(
        'limit',
        `at most ${Math.floor(MAX_EXACT / 4 / window)} for a window of ${window} ms, so that the ` +
          'count is exact',
        limit,
      )
    return {
      policy: 'slidingCounter',
      name,
      limit,
      window,
      script: ['counter', String(limit), String(window * 1_000), '0'],
    }
  })
}

/**
 * A counter for each window. The first request opens a window.
 *
 * Bound: it admits `limit` in each window, and at most `2 × limit − 1` in any time of the same
 * length, across the edge of two windows. It stores one small key.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example fixedWindow({ name: 'login', limit: 5, window: '15m' })
 */
export function fixedWindow(options: WindowOptions): Limit {
  return inPart('fixedWindow', () => {
    const { name, limit, window } = readOptions('fixedWindow', fixedWindowOptions, options)
    return {
      policy: 'fixedWindow',
      name,
      limit,
      window,
      script: ['fixed', String(limit), String(window * 1_000), '0'],
    }
  })
}

export interface TokenBucketOptions {
  /**
   * The name in decisions, headers and keys: 1 to 64 of the characters `A-Z a-z 0-9 _ . -`. Default
   * `'token-bucket'`. A limit that gets another name begins anew.
   */
  readonly name?: string
  /** The number of tokens in a full bucket. It begins full. */
  readonly capacity: number
  /** The number of tokens that come back in each `interval`, evenly. */
  readonly refill: number
  readonly interval: Duration
}

/**
 * A token bucket. It holds `capacity` tokens and gets `refill` tokens back in each `interval`,
 * evenly.
 *
 * Bound: it admits at most `capacity + refill × T / interval` in any time T. It stores one small
 * key: the time at which the bucket is full again.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example tokenBucket({ name: 'api', capacity: 100, refill: 10, interval: '1s' })
 */
export function tokenBucket(options: TokenBucketOptions): Limit {
  return inPart('tokenBucket', () => {
    const checked = readOptions('tokenBucket', tokenBucketOptions, options)
    return createBucket({ ...checked, policy: 'tokenBucket', capacityOption: 'capacity' })
  })
}

export interface GcraOptions extends WindowOptions {
  /**
   * The cost that is admitted at once. Default: `limit`. With 1, requests are spaced evenly.
   */
  readonly burst?: number
}

/**
 * The generic cell rate algorithm (GCRA). It admits `limit` in a window, evenly, and up to `burst`
 * at once.
 *
 * Bound: it admits at most `burst + limit × T / window` in any time T. It stores one small key: the
 * theoretical arrival time.
 *
 * Source: ITU-T I.371, annex A; https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 *
 * @throws {InvalidOptionError} naming the option.
 * @example gcra({ name: 'daily', limit: 10_000, window: '1d', burst: 100 })
 */
export function gcra(options: GcraOptions): Limit {
  return inPart('gcra', () => {
    const { name, limit, window, burst } = readOptions('gcra', gcraOptions, options)
    return createBucket({
      policy: 'gcra',
      name,
      capacityOption: burst === undefined ? 'limit' : 'burst',
      capacity: burst ?? limit,
      refill: limit,
      interval: window,
    })
  })
}

export interface ConcurrencyOptions {
  /**
   * The name in decisions, headers and keys: 1 to 64 of the characters `A-Z a-z 0-9 _ . -`. Default
   * `'concurrency'`. A limit that gets another name begins anew.
   */
  readonly name?: string
  /** The number of slots that can be held at once. */
  readonly limit: number
  /**
   * The time after which a slot expires if its holder does not renew it, because it crashed or lost
   * Redis. A slot is renewed after each third of it.
   */
  readonly ttl: Duration
}

/**
 * A limit on concurrent requests (a distributed semaphore). Each allowed request holds a slot until
 * it is released. A decision takes one slot, whatever its cost.
 *
 * Bound: at most `limit` slots are held at once, also after a crash. A holder that cannot renew in
 * time learns it from the decision's `signal`, before its slot goes to another request.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const exports = createRateLimiter({
 *   client,
 *   prefix: 'export',
 *   limits: [concurrency({ name: 'running', limit: 3, ttl: '10s' })],
 * })
 * await using decision = await exports.consume('user:42')
 */
export function concurrency(options: ConcurrencyOptions): Limit {
  return inPart('concurrency', () => {
    const { name, limit, ttl: window } = readOptions('concurrency', concurrencyOptions, options)
    return {
      policy: 'concurrency',
      name,
      limit,
      window,
      script: ['slots', String(limit), String(window * 1_000), '0'],
    }
  })
}

/** Up to here, Lua and JavaScript represent every integer exactly as a double. */
const MAX_EXACT = Number.MAX_SAFE_INTEGER
/** The longest duration of a limit or a block, in milliseconds. */
export const TEN_YEARS = 3_653 * 86_400_000

interface Bucket {
  readonly policy: 'tokenBucket' | 'gcra'
  readonly name: string
  /** The option that errors about the capacity name. */
  readonly capacityOption: string
  readonly capacity: number
  /** The tokens that come back in each `interval`. */
  readonly refill: number
  /** Milliseconds. */
  readonly interval: number
}

/**
 * Creates a limit with the state of a token bucket. A token is divided into as many units as are
 * needed for both a token and the refill of a microsecond to be a whole number of units.
 */
function createBucket({ policy, name, capacityOption, capacity, refill, interval }: Bucket): Limit {
  const divisor = greatestCommonDivisor(refill, interval * 1_000)
  const unitsPerToken = (interval * 1_000) / divisor
  const unitsPerMicro = refill / divisor
  if (capacity * unitsPerToken > MAX_EXACT / 4)
    throw new InvalidOptionError(
      capacityOption,
      `at most ${Math.floor(MAX_EXACT / 4 / unitsPerToken)} at this rate, so that the count is ` +
        'exact',
      capacity,
    )
  const window = Math.ceil((capacity * interval) / refill)
  if (window > TEN_YEARS)
    throw new InvalidOptionError(capacityOption, 'refilled within ten years', capacity)
  return {
    policy,
    name,
    limit: capacity,
    window,
    script: ['bucket', String(capacity), String(unitsPerToken), String(unitsPerMicro)],
  }
}

/** The option `name`. The default names are parts of keys, so they never change. */
function policyName(fallback: string): Option<string> {
  return customOption((value, path) => {
    const name = textOption(fallback).check(value, path)
    if (/^[\w.-]{1,64}$/.test(name)) return name
    throw new InvalidOptionError(path, '1 to 64 of the characters A-Z a-z 0-9 _ . -', value)
  })
}

/** A duration of at most ten years. */
const lengthOption = customOption((value, path) => {
  const ms = parseDuration(value as Duration, path)
  if (ms <= TEN_YEARS) return ms
  throw new InvalidOptionError(path, 'ten years at most', value)
})

const positiveInteger = numberOption({ min: 1, integer: true }, required)

const windowOptions = { limit: positiveInteger, window: lengthOption }
const slidingWindowOptions = {
  name: policyName('sliding-window'),
  ...windowOptions,
} satisfies OptionTable<WindowOptions>
const slidingCounterOptions = {
  name: policyName('sliding-counter'),
  ...windowOptions,
} satisfies OptionTable<WindowOptions>
const fixedWindowOptions = {
  name: policyName('fixed-window'),
  ...windowOptions,
} satisfies OptionTable<WindowOptions>
const tokenBucketOptions = {
  name: policyName('token-bucket'),
  capacity: positiveInteger,
  refill: positiveInteger,
  interval: lengthOption,
} satisfies OptionTable<TokenBucketOptions>
const gcraOptions = {
  name: policyName('gcra'),
  ...windowOptions,
  burst: numberOption({ min: 1, integer: true }),
} satisfies OptionTable<GcraOptions>
const concurrencyOptions = {
  name: policyName('concurrency'),
  limit: positiveInteger,
  ttl: lengthOption,
} satisfies OptionTable<ConcurrencyOptions>

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

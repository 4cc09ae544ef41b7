import { InvalidOptionError, type Duration } from '@cache/core'
import { inPart, numberOption, readOptions, type OptionTable } from '@cache/core/internal'
import { lengthOption, MAX_EXACT, policyName, positiveInteger, TEN_YEARS } from './checks.js'
import type { Limit } from './limit.js'
import { windowOptions, type WindowOptions } from './windows.js'

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

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

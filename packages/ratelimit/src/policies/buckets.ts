import type { Duration } from '@cache/core'
import { checkOptions, inPart, type OptionChecks } from '@cache/core/internal'
import { checkLength, checkName, MAX_EXACT, POSITIVE_INTEGER, TEN_YEARS } from './checks.js'
import type { Limit } from './limit.js'
import { checkWindowOptions, type WindowOptions } from './windows.js'

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
    const check = checkOptions('tokenBucket', options, ['name', 'capacity', 'refill', 'interval'])
    return createBucket(check, {
      policy: 'tokenBucket',
      capacityOption: 'capacity',
      capacity: check.number('capacity', POSITIVE_INTEGER),
      refill: check.number('refill', POSITIVE_INTEGER),
      interval: checkLength(check, 'interval'),
    })
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
    const { check, limit, window } = checkWindowOptions('gcra', options, ['burst'])
    return createBucket(check, {
      policy: 'gcra',
      capacityOption: check.has('burst') ? 'burst' : 'limit',
      capacity: check.number('burst', POSITIVE_INTEGER, limit),
      refill: limit,
      interval: window,
    })
  })
}

interface Bucket {
  readonly policy: 'tokenBucket' | 'gcra'
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
function createBucket(
  check: OptionChecks,
  { policy, capacityOption, capacity, refill, interval }: Bucket,
): Limit {
  const divisor = greatestCommonDivisor(refill, interval * 1_000)
  const unitsPerToken = (interval * 1_000) / divisor
  const unitsPerMicro = refill / divisor
  if (capacity * unitsPerToken > MAX_EXACT / 4)
    check.fail(
      capacityOption,
      `at most ${Math.floor(MAX_EXACT / 4 / unitsPerToken)} at this rate, so that the count is ` +
        'exact',
    )
  const window = Math.ceil((capacity * interval) / refill)
  if (window > TEN_YEARS) check.fail(capacityOption, 'refilled within ten years')
  return {
    policy,
    name: checkName(check, policy),
    limit: capacity,
    window,
    script: ['bucket', String(capacity), String(unitsPerToken), String(unitsPerMicro)],
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

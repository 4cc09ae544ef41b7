import { InvalidOptionError, type Duration } from '@cache/core'
import { inPart, readOptions, type OptionTable } from '@cache/core/internal'
import { lengthOption, MAX_EXACT, policyName, positiveInteger } from './checks.js'
import type { Limit } from './limit.js'

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

/** The options that all windows have. */
export const windowOptions = { limit: positiveInteger, window: lengthOption }
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

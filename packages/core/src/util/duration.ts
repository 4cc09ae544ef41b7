import { InvalidOptionError } from '../errors.js'

/**
 * A duration: a number of milliseconds, or a number with a unit: `'500ms'`, `'30s'`, `'5m'`,
 * `'1h'`, `'7d'`. Zero, negative numbers, NaN and more than 2^53 ms are refused.
 */
export type Duration = number | `${number}${Unit}`

type Unit = keyof typeof MILLISECONDS

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const EXPECTED = "a duration: milliseconds above 0, or '500ms' | '30s' | '5m' | '1h' | '7d'"

/**
 * Converts a duration to whole milliseconds, at least 1.
 *
 * @throws {InvalidOptionError} if it is not a `Duration`. The error names `option`.
 * @example parseDuration('5m', 'ttl') // 300_000
 */
export function parseDuration(duration: Duration, option: string): number {
  const ms = typeof duration === 'number' ? duration : milliseconds(duration)
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER))
    throw new InvalidOptionError(option, EXPECTED, duration)
  return Math.max(1, Math.round(ms))
}

function milliseconds(text: unknown): number {
  if (typeof text !== 'string') return NaN
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  return match ? Number(match[1]) * MILLISECONDS[match[2] as Unit] : NaN
}

/**
 * Changes `ms` at random by up to `share` of itself, up or down, so that entries that were written
 * together do not expire together.
 *
 * @example jittered(60_000, 0.1) // 54_000 … 66_000
 */
export function jittered(ms: number, share: number): number {
  return share === 0 ? ms : Math.max(1, Math.round(ms * (1 + share * (2 * Math.random() - 1))))
}

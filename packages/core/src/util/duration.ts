import { InvalidOptionError } from '../errors.js'
import { warnInDevelopment } from './development-warning.js'

/**
 * A duration: a number of milliseconds, or a number with a unit: `'500ms'`, `'30s'`, `'5m'`,
 * `'1h'`, `'7d'`, `'2w'`, `'1 hour'`, `'30 days'`. Zero, negative numbers, NaN and more than 2^53
 * ms are refused.
 */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`

/**
 * How long a value is kept: a duration, or `'never'` for a value that does not expire. It is then
 * kept until something deletes it: an invalidation, a write, or a server that evicts it.
 */
export type Ttl = Duration | 'never'

type Unit = keyof typeof MILLISECONDS

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY

const MILLISECONDS = {
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: SECOND,
  second: SECOND,
  seconds: SECOND,
  m: MINUTE,
  minute: MINUTE,
  minutes: MINUTE,
  h: HOUR,
  hour: HOUR,
  hours: HOUR,
  d: DAY,
  day: DAY,
  days: DAY,
  w: WEEK,
  week: WEEK,
  weeks: WEEK,
} as const

const WITH_UNIT = "'500ms' | '30s' | '5m' | '1h' | '7d' | '1 hour'"
const EXPECTED = `a duration: milliseconds above 0, or ${WITH_UNIT}`

/**
 * Converts a duration to whole milliseconds, at least 1.
 *
 * @throws {InvalidOptionError} if it is not a `Duration`. The error names `option`.
 * @example parseDuration('5m', 'ttl') // 300_000
 */
export function parseDuration(duration: Duration, option: string): number {
  return parseMilliseconds(duration, option, EXPECTED)
}

/**
 * Converts a ttl to whole milliseconds, at least 1; `'never'` is `Infinity`.
 *
 * @throws {InvalidOptionError} if it is not a `Ttl`. The error names `option`.
 */
export function parseTtl(ttl: Ttl, option: string): number {
  return ttl === 'never' ? Infinity : parseMilliseconds(ttl, option, `${EXPECTED} | 'never'`)
}

/**
 * Checks a duration from outside the code, such as an environment variable, and returns it as a
 * `Duration`. The text needs a unit: a bare number could mean seconds or milliseconds. If the text
 * is missing or empty, the result is `fallback`.
 *
 * @throws {InvalidOptionError} if the text is not a duration with a unit, or is missing without a
 * fallback.
 * @example
 * const users = createAside<User>({ client, prefix: 'user', ttl: duration(process.env.TTL, '1h') })
 */
export function duration(text: string | undefined, fallback?: Duration): Duration {
  const trimmed = typeof text === 'string' ? text.trim() : text
  const isMissing = trimmed === undefined || trimmed === ''
  if (isMissing && fallback !== undefined) {
    parseDuration(fallback, 'fallback')
    return fallback
  }
  const ms = milliseconds(trimmed)
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER))
    throw new InvalidOptionError('duration', `a duration with a unit: ${WITH_UNIT}`, text)
  return trimmed as Duration
}

function parseMilliseconds(duration: Duration, option: string, expected: string): number {
  const ms = typeof duration === 'number' ? duration : milliseconds(duration)
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER))
    throw new InvalidOptionError(option, expected, duration)
  if (duration === ms && ms < 1_000) warnAboutSeconds(ms, option)
  return Math.max(1, Math.round(ms))
}

function milliseconds(text: unknown): number {
  if (typeof text !== 'string') return NaN
  const match = /^(\d+(?:\.\d+)?) ?([a-z]{1,12})$/.exec(text)
  if (!match || !Object.hasOwn(MILLISECONDS, match[2]!)) return NaN
  return Number(match[1]) * MILLISECONDS[match[2] as Unit]
}

/** Warns once about a ttl that was probably meant in seconds. */
function warnAboutSeconds(ms: number, option: string): void {
  if (!/(^|\.)(ttl|negativeTtl)$/.test(option)) return
  warnInDevelopment(
    'CACHE_SHORT_TTL',
    '',
    () =>
      `"${option}" is ${ms}, which is ${ms} milliseconds. ` +
      `If you mean seconds, write '${ms}s'; if you mean milliseconds, write '${ms}ms'.`,
  )
}

/**
 * Changes `ms` at random by up to `share` of itself, up or down, so that entries that were written
 * together do not expire together.
 *
 * @example jittered(60_000, 0.1) // 54_000 … 66_000
 */
export function jittered(ms: number, share: number): number {
  return share === 0 || ms === Infinity
    ? ms
    : Math.max(1, Math.round(ms * (1 + share * (2 * Math.random() - 1))))
}

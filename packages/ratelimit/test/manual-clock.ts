import { createHash } from 'node:crypto'
import type { CacheClient, Script } from '@cache/core'

/** A clock that stands still until a test sets it. Microseconds, as the server's clock. */
export class ManualClock {
  micros = START

  /** The monotonic clock of the process: milliseconds since `START`. */
  now(): number {
    return (this.micros - START) / 1_000
  }
}

/**
 * Milliseconds that keys outlive their ttl: the ttl passes by the server's own clock, while the
 * manual clock stands still.
 */
export const EXTRA_TTL = 3_600_000

/** Returns a client whose scripts get the time from `clock` instead of the server. */
export function withClock(clock: ManualClock, client: CacheClient): CacheClient {
  return {
    ...client,
    run: (script, keys, args, options) =>
      client.run(scriptWithClock(script), keys, [...args, String(clock.micros)], options),
  }
}

const START = 1_760_000_000_000_000
const READ_TIME = 'local now = microseconds()\n'
const BEGIN_CALL = 'local function call(KEYS, ARGV)\n'
const TTL = 'local function ttlUntil(at)\n  return div(at - now, 1000000) * 1000 + 2000\n'
const scripts = new Map<string, Script<never>>()

/** Replaces the clock of a script: each call gets the time as an additional last argument. */
function scriptWithClock<R>(script: Script<R>): Script<R> {
  const existing = scripts.get(script.sha) as Script<R> | undefined
  if (existing) return existing
  if ([READ_TIME, BEGIN_CALL, TTL].some((text) => script.source.split(text).length !== 2))
    throw new Error(
      `${script.name} does not contain exactly once the expected text that reads the time, ` +
        'begins a call or computes a ttl.',
    )
  const source = script.source
    .replace(READ_TIME, 'local now\n')
    .replace(BEGIN_CALL, `${BEGIN_CALL}now = tonumber(ARGV[#ARGV])\n`)
    .replace(TTL, TTL.replace('+ 2000', `+ ${2_000 + EXTRA_TTL}`))
  const changed = { ...script, source, sha: createHash('sha1').update(source).digest('hex') }
  scripts.set(script.sha, changed as unknown as Script<never>)
  return changed
}

import { createHash } from 'node:crypto'
import type { CacheClient, Script } from '@cache/core'

/** A clock that stands still until it is told. µs, as the server's. */
export class FedClock {
  micros = START

  /** As the process' monotonic clock: ms since it began. */
  now(): number {
    return (this.micros - START) / 1_000
  }
}

/**
 * Ms by which keys outlive their ttl: that passes by the server's own clock, while the fed one
 * stands still.
 */
export const LONGER = 3_600_000

/**
 * A client whose scripts, otherwise unchanged, are told the time instead of asking the server for
 * it.
 */
export function fedBy(clock: FedClock, client: CacheClient): CacheClient {
  return {
    ...client,
    run: (script, keys, args, options) =>
      client.run(fed(script), keys, [...args, String(clock.micros)], options),
  }
}

const START = 1_760_000_000_000_000
const ASKING = "local time = command('TIME')\nlocal now = time[1] * 1000000 + time[2]\n"
const EACH = 'local function call(KEYS, ARGV)\n'
const TTL = 'local function ttl(till) return div(till - now, 1000) + 1000 end\n'
const known = new Map<string, Script<never>>()

function fed<R>(script: Script<R>): Script<R> {
  let made = known.get(script.sha) as Script<R> | undefined
  if (!made) {
    if ([ASKING, EACH, TTL].some((text) => script.source.split(text).length !== 2))
      throw new Error(
        `${script.name} does not ask for the time, or reckon a ttl, once, in the known way`,
      )
    const source = script.source
      .replace(ASKING, 'local now\n')
      .replace(EACH, `${EACH}now = tonumber(ARGV[#ARGV])\n`)
      .replace(TTL, TTL.replace('1000 end', `${1_000 + LONGER} end`))
    made = { ...script, source, sha: createHash('sha1').update(source).digest('hex') }
    known.set(script.sha, made as unknown as Script<never>)
  }
  return made
}

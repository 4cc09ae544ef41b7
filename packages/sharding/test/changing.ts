import type { CacheClient, CacheError, Command, Driver } from '@cache/core'
import { createFormat, type Entry } from '@cache/core/internal'
import { vi } from 'vitest'
import { rendezvous, type ShardedDriver } from '../src/index.js'
import { Layout } from '../src/layout.js'
import type { Shard } from '../src/shard.js'
import { NAMES, type Name } from './servers.js'
import type { Stage } from './shards.js'

export const FOUR: readonly Name[] = NAMES
export const THREE: readonly Name[] = ['a', 'b', 'c']

/** What a process is given, on clients of its own. */
export interface Process {
  readonly driver: ShardedDriver
  readonly client: CacheClient
}

/** Until it holds. */
export const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 })

export const keyed = (key: string, ...args: [string, ...string[]]): Command => ({
  args,
  keys: [key],
})

/** What tests of changes do on a stage of four servers. */
export function changing(on: () => Stage) {
  return {
    /** `timeout`: none that a busy machine misses, unless a test waits for it. */
    startProcess(names: readonly Name[], settle = 1_000, timeout = 10_000): Process {
      const driver = on().driver(names, { announceFor: settle, timeout })
      return { driver, client: on().client(driver) }
    },

    change: (driver: ShardedDriver, names: readonly Name[]): Promise<void> =>
      driver.reshard({ shards: on().shardsOf(driver, names) }),

    /** The keys there are, without those of the package. */
    async keysOn(name: Name): Promise<string[]> {
      const reply = await on().servers[name].cli('KEYS', '*')
      return reply
        .split('\n')
        .filter(
          (key) => key !== '' && !key.startsWith('{cache-shards}:') && !/:resharded:/.test(key),
        )
    },

    /** As if one process were at it that says nothing any more. */
    async keepFromSweeping(names: readonly Name[], ms: number): Promise<void> {
      for (const name of names)
        await on().servers[name].cli(
          'SET',
          `{cache-shards}:sweeper:${layout(names).fingerprint}`,
          '1',
          'PX',
          ms,
        )
    },
  }
}

/**
 * Reads many values at once, again and again, until it is told to stop; then it says what was not
 * as it should be.
 */
export async function keepReading(
  client: CacheClient,
  count = 300,
): Promise<() => Promise<string[]>> {
  const format = createFormat<number>()
  const keys = Array.from({ length: count }, (_, i) => `many:${i}`)
  await Promise.all(keys.map((key, i) => client.send(keyed(key, 'SET', key, String(i)))))
  const wrong = new Set<string>()
  let stopped = false
  const reading = (async () => {
    let rounds = 0
    for (; !stopped; rounds++) {
      const entries = new Map<string, Entry<number> | CacheError | undefined>()
      // What is under way for long at the moment, on a machine that is busy, is to be asked for
      // again.
      const resharded = (key: string): boolean =>
        (entries.get(key) as CacheError | undefined)?.code === 'RESHARDED'
      for (let asked = keys; asked.length > 0; asked = asked.filter(resharded)) {
        const read = await client.entries.readMany(asked, format)
        for (const [i, entry] of read.entries()) entries.set(asked[i]!, entry)
      }
      for (const [i, key] of keys.entries()) {
        const entry = entries.get(key)
        if (entry instanceof Error || entry?.value !== i)
          wrong.add(`${key}: ${entry instanceof Error ? entry.message : String(entry?.value)}`)
      }
    }
    if (rounds < 3) wrong.add(`there were only ${rounds} rounds`)
  })()
  return async () => {
    stopped = true
    await reading
    return [...wrong]
  }
}

/** A key that is on this one of three shards, and on the fourth of four. */
export function movingKey(from: Name): string {
  return movingKeys(1, from)[0]!
}

/** So many keys that are on three shards, or on one of them, and on the fourth of four. */
export function movingKeys(count: number, from?: Name): string[] {
  const [three, four] = [layout(THREE), layout(FOUR)]
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    const key = `moving:${i}`
    if (four.shardOf(key).name === 'd' && (from === undefined || three.shardOf(key).name === from))
      found.push(key)
  }
  return found
}

function layout(names: readonly Name[]): Layout {
  return new Layout(
    names.map((name): Shard => ({ name, driver: {} as Driver, send: async () => [] })),
    names.map(() => 1),
    rendezvous(),
  )
}

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CacheClient, CacheError, Driver } from '@cache/core'
import { createFormat, type Entry } from '@cache/core/internal'
import { rendezvous, type ShardedDriver } from '../src/index.js'
import { Layout } from '../src/layout.js'
import type { Shard } from '../src/shard.js'
import { commandOn } from './commands.js'
import { NAMES, type Name } from './drivers.js'
import type { TestShards } from './setup-shards.js'

export const FOUR: readonly Name[] = NAMES
export const THREE: readonly Name[] = ['a', 'b', 'c']

/** What stands for a process: a driver on its own clients. */
export interface TestProcess {
  readonly driver: ShardedDriver
  readonly client: CacheClient
}

/** Returns helpers for tests of resharding on four servers. */
export function reshardHelpers(setup: () => TestShards) {
  return {
    /** The default `timeout` is one that a busy machine does not miss. */
    startProcess(names: readonly Name[], announceFor = 1_000, timeout = 10_000): TestProcess {
      const driver = setup().driver(names, { announceFor, timeout })
      return { driver, client: setup().client(driver) }
    },

    reshardTo: (driver: ShardedDriver, names: readonly Name[]): Promise<void> =>
      driver.reshard({ shards: setup().shardsOf(driver, names) }),

    /** Returns the keys on a server, without those of the package. */
    async keysOn(name: Name): Promise<string[]> {
      const reply = await setup().servers[name].cli('KEYS', '*')
      return reply
        .split('\n')
        .filter(
          (key) => key !== '' && !key.startsWith('{cache-shards}:') && !/:resharded:/.test(key),
        )
    },

    /** Holds the sweep lease like a process that has acquired it and has died since. */
    async holdSweepLease(names: readonly Name[], ms: number): Promise<void> {
      for (const name of names)
        await setup().servers[name].cli(
          'SET',
          `{cache-shards}:sweeper:${layoutOf(names).fingerprint}`,
          '1',
          'PX',
          ms,
        )
    },
  }
}

/**
 * Reads many values at once, repeatedly, until the returned function is called. That function
 * returns a description of each value that was wrong.
 */
export async function keepReading(
  client: CacheClient,
  count = 300,
): Promise<() => Promise<string[]>> {
  const format = createFormat<number>()
  const keys = Array.from({ length: count }, (_, i) => `many:${i}`)
  await Promise.all(keys.map((key, i) => client.send(commandOn(key, 'SET', key, String(i)))))
  const wrong = new Set<string>()
  let stopped = false
  const reading = (async () => {
    let reads = 0
    // The turn of the event loop ends even if every read fails at once, so that the test can end.
    for (; !stopped; reads++, await nextTurn()) {
      const entries = new Map<string, Entry<number> | CacheError | undefined>()
      // On a busy machine, a read may be in flight for long at the switch. Then it is repeated.
      const isResharded = (key: string): boolean =>
        (entries.get(key) as CacheError | undefined)?.code === 'RESHARDED'
      for (let pending = keys; pending.length > 0; pending = pending.filter(isResharded)) {
        const replies = await client.entries.readMany(pending, format)
        for (const [i, entry] of replies.entries()) entries.set(pending[i]!, entry)
      }
      for (const [i, key] of keys.entries()) {
        const entry = entries.get(key)
        if (entry instanceof Error || entry?.value !== i)
          wrong.add(`${key}: ${entry instanceof Error ? entry.message : String(entry?.value)}`)
      }
    }
    if (reads < 3) wrong.add(`there were only ${reads} reads`)
  })()
  return async () => {
    stopped = true
    await reading
    return [...wrong]
  }
}

/** Returns a key that is on this one of three shards, and on the fourth of four. */
export function movingKey(from: Name): string {
  return movingKeys(1, from)[0]!
}

/** Returns keys that are on any or on this one of three shards, and on the fourth of four. */
export function movingKeys(count: number, from?: Name): string[] {
  const [three, four] = [layoutOf(THREE), layoutOf(FOUR)]
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = `moving:${i}`
    if (four.shardOf(key).name === 'd' && (from === undefined || three.shardOf(key).name === from))
      keys.push(key)
  }
  return keys
}

/** Returns the layout of shards with these names. */
export function layoutOf(names: readonly Name[]): Layout {
  const send = Object.assign(() => [], { circuits: () => new Map() })
  return new Layout(
    names.map((name): Shard => ({ name, driver: {} as Driver, send })),
    names.map(() => 1),
    rendezvous(),
  )
}

import { createVersioned } from '../src/index.js'
import type { CacheClient } from '@cache/core'

/**
 * A source whose value only grows, and the caches of it. Once a write is acknowledged, no read may
 * return a smaller value.
 */
export interface Contender {
  read(id: number, load: () => Promise<number>): Promise<number>
  bump(): Promise<unknown>
}

const IDS = 3
export const GROUP = 'race'
const pause = (): Promise<void> =>
  new Promise((resolve) =>
    Math.random() < 0.5 ? setImmediate(resolve) : setTimeout(resolve, Math.random() * 3),
  )

/**
 * Runs writes against readers of all contenders. `lose` deletes the group's version from Redis, as
 * an eviction does. Returns the stale reads.
 */
export async function race(
  contenders: readonly Contender[],
  writes: number,
  lose: () => Promise<unknown>,
): Promise<{ readonly stale: readonly string[]; readonly reads: number; readonly loads: number }> {
  let source = 0
  let settled = 0
  let running = true
  let [reads, loads] = [0, 0]
  const stale: string[] = []
  const load = async (): Promise<number> => {
    loads++
    await pause()
    const value = source
    await pause()
    return value
  }
  const reader = async (contender: Contender): Promise<void> => {
    while (running) {
      const floor = settled
      const value = await contender.read(Math.floor(Math.random() * IDS), load)
      reads++
      if (value < floor) stale.push(`${value} after ${floor}`)
      if (Math.random() < 0.3) await pause()
    }
  }
  const readers = contenders.flatMap((contender) =>
    Array.from({ length: 4 }, () => reader(contender)),
  )
  for (let i = 0; i < writes; i++) {
    const wrote = ++source
    await contenders[i % contenders.length]!.bump()
    settled = wrote
    if (Math.random() < 0.1) await lose()
    if (Math.random() < 0.5) await pause()
  }
  running = false
  await Promise.all(readers)
  return { stale, reads, loads }
}

export function versioned(
  client: CacheClient,
  options: {
    readonly strategy: 'stamp' | 'key'
    readonly learnt: boolean
    readonly clockSkew?: number
  },
): Contender {
  let load: () => Promise<number> = () => {
    throw new Error('no reader')
  }
  const values = createVersioned<number, number>({
    client,
    prefix: 'n',
    ttl: '1h',
    load: () => load(),
    strategy: options.strategy,
    ...(options.clockSkew !== undefined && { clockSkew: options.clockSkew }),
    groups: (_, value) => (options.learnt && value === undefined ? undefined : [GROUP]),
  })
  return {
    read: (id, source) => {
      load = source
      return values.get(id)
    },
    bump: () => values.bump(GROUP),
  }
}

/** Versions as they are usually kept: a counter that begins at 0. */
export function counter(client: CacheClient): Contender {
  const version = client.key('version-of', GROUP)
  const ask = async (...args: [string, string, ...string[]]) =>
    client.send({ args, keys: [args[1]] })
  return {
    async read(id, load) {
      const key = client.key('n', `${id}.v${String((await ask('GET', version)) ?? '0')}`)
      const cached = await ask('GET', key)
      if (cached !== null) return Number(cached)
      const value = await load()
      await ask('SETEX', key, '3600', String(value))
      return value
    },
    bump: () => ask('INCR', version),
  }
}

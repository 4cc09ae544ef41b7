import { ConnectionError, type CacheClient, type Command } from '@cache/core'
import { LoadPolicy, ReadPath, checkOptions, loadPolicyOptions } from '@cache/core/internal'
import { describe, expect, it, vi } from 'vitest'
import type { ShardedDriver } from '../src/index.js'
import { NAMES, type Name } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c')
const THREE: readonly Name[] = NAMES.slice(0, 3)
const TIMEOUT = 1_500
const breaker = { failures: 2, cooldown: 1_000 }

/** Until it holds. */
const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 20 })
const keyed = (key: string, ...args: [string, ...string[]]): Command => ({ args, keys: [key] })

function rowsOf(client: CacheClient) {
  const options = { ttl: '1h' } as const
  const path = new ReadPath<string>(
    client,
    'row',
    new LoadPolicy<string>(checkOptions('rows', options, loadPolicyOptions), options),
  )
  return {
    read: (key: string, load: () => string) => path.get(key, async () => load()),
    invalidate: (key: string) => path.changing([key], () => client.entries.invalidate([key])),
  }
}

function keysOf(driver: ShardedDriver, count: number): Record<Name, string[]> {
  const keys: Record<Name, string[]> = { a: [], b: [], c: [], d: [] }
  for (let i = 0; i < count; i++) keys[driver.shardOf(`row:${i}`) as Name].push(`row:${i}`)
  return keys
}

/** Ms of so many commands, one after the other, on keys beside these. */
async function latencies(
  client: CacheClient,
  keys: readonly string[],
  count: number,
): Promise<Record<'GET' | 'SET', number[]>> {
  const taken = { GET: [] as number[], SET: [] as number[] }
  for (let i = 0; i < count; i++) {
    const beside = `{${keys[i % keys.length]!}}:beside`
    for (const command of [keyed(beside, 'SET', beside, 'x'), keyed(beside, 'GET', beside)]) {
      const started = performance.now()
      await client.send(command)
      taken[command.args[0] as 'GET' | 'SET'].push(performance.now() - started)
    }
  }
  return taken
}

const median = (of: readonly number[]): number => share(of, 0.5)
const p99 = (of: readonly number[]): number => share(of, 0.99)
const share = (of: readonly number[], part: number): number =>
  [...of].sort((a, b) => a - b)[Math.floor(part * of.length)]!

describe.each(['killed', 'silent'])('a shard that is %s under load', (how) => {
  it('concerns its own keys only: they are loaded from the source, the others are hits and wait for nothing, and it comes back by itself', async () => {
    const driver = on().driver(THREE, { breaker })
    const client = on().client(driver, {
      resilience: { readTimeout: TIMEOUT, writeTimeout: TIMEOUT },
    })
    const rows = rowsOf(client)
    const keys = keysOf(driver, 90)
    const loaded = new Set<string>()
    const read = (key: string) =>
      rows.read(key, () => {
        loaded.add(key)
        return key
      })
    const all = [...keys.a, ...keys.b, ...keys.c]
    for (const key of all) await read(key)
    loaded.clear()

    const others = [...keys.a, ...keys.c]
    const before = await latencies(client, others, 400)
    const stop = new AbortController()
    let slowest = 0
    let reads = 0
    let wrong = 0
    const load = [...keys.a.slice(0, 3), ...keys.c.slice(0, 3)].map(async (key) => {
      while (!stop.signal.aborted) {
        const started = performance.now()
        if ((await read(key)) !== key) wrong++
        slowest = Math.max(slowest, performance.now() - started)
        reads++
      }
    })
    if (how === 'killed') await on().servers.b.kill()
    else await on().servers.b.pause()
    for (const key of keys.b) expect(await read(key)).toBe(key)
    await expect(client.send(keyed(keys.b[0]!, 'SET', keys.b[0]!, 'x'))).rejects.toBeInstanceOf(
      ConnectionError,
    )
    const during = await latencies(client, others, 400)
    for (const command of ['GET', 'SET'] as const) {
      expect(median(during[command]), command).toBeLessThan(5 * median(before[command]) + 20)
      expect(p99(during[command]), command).toBeLessThan(5 * p99(before[command]) + 250)
    }
    const together = await Promise.all(all.map(read))
    expect(together).toEqual(all)
    stop.abort()
    await Promise.all(load)
    expect(wrong).toBe(0)
    expect(reads).toBeGreaterThan(100)
    expect(slowest).toBeLessThan(TIMEOUT) // as who waits for b does
    expect([...loaded].sort()).toEqual([...keys.b].sort())

    if (how === 'killed') await on().servers.b.restart()
    else await on().servers.b.resume()
    await soon(async () =>
      expect(
        await client.send(keyed(keys.b[0]!, 'SET', '{'.concat(keys.b[0]!, '}:back'), 'x')),
      ).toBe('OK'),
    )
    for (const key of keys.b) await read(key)
    loaded.clear()
    for (const key of all) await read(key)
    expect([...loaded]).toEqual([])
  }, 60_000)
})

it('commands for its keys alone, however many fail, keep nothing from the other shards', async () => {
  const driver = on().driver(THREE, { breaker })
  const client = on().client(driver)
  const keys = keysOf(driver, 30)
  await on().servers.b.pause()
  const outcomes = new Set<string>()
  for (let i = 0; i < 20; i++) {
    await client
      .send(keyed(keys.b[0]!, 'GET', keys.b[0]!), { timeout: 200 })
      .catch((error: ConnectionError) => outcomes.add(error.code))
    expect(await client.send(keyed(keys.a[0]!, 'PING'))).toBe('PONG')
  }
  expect(outcomes).toContain('CIRCUIT_OPEN')
  expect(outcomes.size).toBe(2)
})

it('what has no key goes to a shard that answers', async () => {
  const driver = on().driver(THREE, { breaker: { failures: 1, cooldown: '1m' } })
  await on().servers.a.kill()
  const key = on().keyAt('a', driver)
  await soon(async () =>
    expect(await driver.send([keyed(key, 'GET', key)], { timeout: 100 })).toMatchObject([
      { code: 'CIRCUIT_OPEN' },
    ]),
  )
  expect(await driver.send([{ args: ['PING'], keys: [] }])).toEqual(['PONG'])
})

describe("onShardDown: 'next'", () => {
  const open = (cooldown = 200) =>
    on().driver(THREE, { breaker: { failures: 1, cooldown }, onShardDown: 'next' })

  it('keys of the shard that is down go to the others, together where one command names them, and its own only', async () => {
    const driver = open()
    const client = on().client(driver, { resilience: { readTimeout: 300, writeTimeout: 300 } })
    const keys = keysOf(driver, 60)
    const all = [...keys.a, ...keys.b, ...keys.c]
    await on().servers.b.pause()
    await client.send(keyed(keys.b[0]!, 'GET', keys.b[0]!)).catch(() => undefined)
    await Promise.all(
      all.map(async (key) => {
        // Now and then one goes to b to see whether it is back.
        await soon(async () => expect(await client.send(keyed(key, 'SET', key, key))).toBe('OK'))
      }),
    )
    const placed = await Promise.all(
      (['a', 'c'] as const).map(async (name) =>
        (await on().servers[name].cli('KEYS', '*')).split('\n').filter(Boolean),
      ),
    )
    expect(placed.flat().sort()).toEqual([...all].sort())
    for (const key of keys.a) expect(placed[0]).toContain(key)
    for (const key of keys.c) expect(placed[1]).toContain(key)
    await soon(async () => {
      const groups = driver.group(all)
      const values = await Promise.all(
        groups.map((group) => client.send({ args: ['MGET', ...group], keys: group })),
      )
      expect(values).toEqual(groups)
    })
  }, 60_000)

  it('when it is back its keys are there again, as they were when it went: for data that may be lost or stale', async () => {
    const driver = open(3_000)
    const client = on().client(driver, { resilience: { readTimeout: 1_000, writeTimeout: 1_000 } })
    const key = on().keyAt('b', driver)
    await soon(async () => expect(await client.send(keyed(key, 'SET', key, 'before'))).toBe('OK'))
    await on().servers.b.pause()
    await soon(async () => expect(await client.send(keyed(key, 'GET', key))).toBe(null))
    await client.send(keyed(key, 'SET', key, 'meanwhile'))
    expect(await client.send(keyed(key, 'GET', key))).toBe('meanwhile')
    await on().servers.b.resume()
    await soon(async () => expect(await client.send(keyed(key, 'GET', key))).toBe('before'))
  })

  it('with all shards down commands fail', async () => {
    const driver = open()
    for (const name of THREE) await on().servers[name].kill()
    const keys = keysOf(driver, 30)
    for (let i = 0; i < 3; i++) {
      for (const reply of await driver.send(
        [keys.a[0]!, keys.b[0]!, keys.c[0]!].map((key) => keyed(key, 'GET', key)),
        { timeout: 200 },
      ))
        expect(reply).toBeInstanceOf(Error)
    }
  })
})

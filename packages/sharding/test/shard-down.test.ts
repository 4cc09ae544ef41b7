import { setImmediate as nextTurn } from 'node:timers/promises'
import { ConnectionError, type CacheClient } from '@cache/core'
import { LoadPolicy, ReadPath, readOptions, loadPolicyOptions } from '@cache/core/internal'
import { describe, expect, it } from 'vitest'
import type { ShardedDriver } from '../src/index.js'
import { NAMES, type Name } from './drivers.js'
import { commandOn, eventually } from './commands.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c')
const THREE: readonly Name[] = NAMES.slice(0, 3)
const TIMEOUT = 1_500
const breaker = { failures: 2, cooldown: 1_000 }

function rowsOf(client: CacheClient) {
  const options = { ttl: '1h' } as const
  const path = new ReadPath<string>(
    client,
    'row',
    new LoadPolicy<string>(readOptions('rows', loadPolicyOptions, options)),
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

/** Measures the latencies of sequential commands, in ms, on keys beside the given ones. */
async function latencies(
  client: CacheClient,
  keys: readonly string[],
  count: number,
): Promise<Record<'GET' | 'SET', number[]>> {
  const taken = { GET: [] as number[], SET: [] as number[] }
  for (let i = 0; i < count; i++) {
    const beside = `{${keys[i % keys.length]!}}:beside`
    for (const command of [
      commandOn(beside, 'SET', beside, 'x'),
      commandOn(beside, 'GET', beside),
    ]) {
      const started = performance.now()
      await client.send(command)
      taken[command.args[0] as 'GET' | 'SET'].push(performance.now() - started)
    }
  }
  return taken
}

const median = (values: readonly number[]): number => quantile(values, 0.5)
const p99 = (values: readonly number[]): number => quantile(values, 0.99)
const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(q * values.length)]!

describe.each(['killed', 'silent'])('a shard that is %s under load', (failure) => {
  it('affects only its own keys, which load from the source meanwhile', async () => {
    const driver = setup().driver(THREE, { breaker })
    const client = setup().client(driver, {
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
        await nextTurn()
      }
    })
    if (failure === 'killed') await setup().servers.b.kill()
    else await setup().servers.b.pause()
    for (const key of keys.b) expect(await read(key)).toBe(key)
    await expect(client.send(commandOn(keys.b[0]!, 'SET', keys.b[0]!, 'x'))).rejects.toBeInstanceOf(
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
    expect(slowest).toBeLessThan(TIMEOUT) // not even reads that need b take that long
    expect([...loaded].sort()).toEqual([...keys.b].sort())

    if (failure === 'killed') await setup().servers.b.restart()
    else await setup().servers.b.resume()
    await eventually(async () =>
      expect(
        await client.send(commandOn(keys.b[0]!, 'SET', '{'.concat(keys.b[0]!, '}:back'), 'x')),
      ).toBe('OK'),
    )
    for (const key of keys.b) await read(key)
    loaded.clear()
    for (const key of all) await read(key)
    expect([...loaded]).toEqual([])
  }, 90_000)
})

it('failing commands for one shard do not affect the other shards', async () => {
  const driver = setup().driver(THREE, { breaker })
  const client = setup().client(driver)
  const keys = keysOf(driver, 30)
  await setup().servers.b.pause()
  const outcomes = new Set<string>()
  for (let i = 0; i < 20; i++) {
    await client
      .send(commandOn(keys.b[0]!, 'GET', keys.b[0]!), { timeout: 200 })
      .catch((error: ConnectionError) => outcomes.add(error.code))
    expect(await client.send(commandOn(keys.a[0]!, 'PING'))).toBe('PONG')
  }
  expect(outcomes).toContain('CIRCUIT_OPEN')
  expect(outcomes.size).toBe(2)
})

it('the health of a client names the shard that is down, and its breaker', async () => {
  const driver = setup().driver(THREE, { breaker: { failures: 1, cooldown: '1m' } })
  const client = setup().client(driver)
  const keys = keysOf(driver, 30)
  await eventually(async () => expect((await client.health()).reachable).toBe(true))
  await setup().servers.b.kill()
  await eventually(async () =>
    expect(
      await client
        .send(commandOn(keys.b[0]!, 'GET', keys.b[0]!), { timeout: 100 })
        .catch((error: ConnectionError) => error),
    ).toMatchObject({ code: 'CIRCUIT_OPEN', cause: { code: 'CONNECTION' } }),
  )
  const health = await client.health()
  expect(health).toMatchObject({ reachable: false, breaker: 'open' })
  expect(
    health.nodes.map(({ id, reachable, breaker: state }) => [id[0], reachable, state]).sort(),
  ).toEqual([
    ['a', true, 'closed'],
    ['b', false, 'open'],
    ['c', true, 'closed'],
  ])
})

it('a command without a key goes to a shard that answers', async () => {
  const driver = setup().driver(THREE, { breaker: { failures: 1, cooldown: '1m' } })
  await setup().servers.a.kill()
  const key = setup().keyAt('a', driver)
  await eventually(async () =>
    expect(
      await Promise.all(driver.send([commandOn(key, 'GET', key)], { timeout: 100 })),
    ).toMatchObject([{ code: 'CIRCUIT_OPEN' }]),
  )
  expect(await Promise.all(driver.send([{ args: ['PING'], keys: [] }]))).toEqual(['PONG'])
})

describe("onShardDown: 'next'", () => {
  const open = (cooldown = 200) =>
    setup().driver(THREE, { breaker: { failures: 1, cooldown }, onShardDown: 'next' })

  it('sends the keys of the shard that is down to the others', async () => {
    const driver = open()
    const client = setup().client(driver, { resilience: { readTimeout: 300, writeTimeout: 300 } })
    const keys = keysOf(driver, 60)
    const all = [...keys.a, ...keys.b, ...keys.c]
    await setup().servers.b.pause()
    await client.send(commandOn(keys.b[0]!, 'GET', keys.b[0]!)).catch(() => undefined)
    await Promise.all(
      all.map(async (key) => {
        // Now and then a command is sent to b as a probe.
        await eventually(async () =>
          expect(await client.send(commandOn(key, 'SET', key, key))).toBe('OK'),
        )
      }),
    )
    const keysByServer = await Promise.all(
      (['a', 'c'] as const).map(async (name) =>
        (await setup().servers[name].cli('KEYS', '*')).split('\n').filter(Boolean),
      ),
    )
    expect(keysByServer.flat().sort()).toEqual([...all].sort())
    for (const key of keys.a) expect(keysByServer[0]).toContain(key)
    for (const key of keys.c) expect(keysByServer[1]).toContain(key)
    await eventually(async () => {
      const groups = driver.group(all)
      const values = await Promise.all(
        groups.map((group) => client.send({ args: ['MGET', ...group], keys: group })),
      )
      expect(values).toEqual(groups)
    })
  }, 90_000)

  it('reads the old values of the shard again when it is back', async () => {
    const driver = open(3_000)
    const client = setup().client(driver, {
      resilience: { readTimeout: 1_000, writeTimeout: 1_000 },
    })
    const key = setup().keyAt('b', driver)
    await eventually(async () =>
      expect(await client.send(commandOn(key, 'SET', key, 'before'))).toBe('OK'),
    )
    await setup().servers.b.pause()
    await eventually(async () => expect(await client.send(commandOn(key, 'GET', key))).toBe(null))
    await client.send(commandOn(key, 'SET', key, 'meanwhile'))
    expect(await client.send(commandOn(key, 'GET', key))).toBe('meanwhile')
    await setup().servers.b.resume()
    await eventually(async () =>
      expect(await client.send(commandOn(key, 'GET', key))).toBe('before'),
    )
  })

  it('fails commands when all shards are down', async () => {
    const driver = open()
    for (const name of THREE) await setup().servers[name].kill()
    const keys = keysOf(driver, 30)
    for (let i = 0; i < 3; i++) {
      for (const reply of await Promise.all(
        driver.send(
          [keys.a[0]!, keys.b[0]!, keys.c[0]!].map((key) => commandOn(key, 'GET', key)),
          { timeout: 200 },
        ),
      ))
        expect(reply).toBeInstanceOf(Error)
    }
  })
})

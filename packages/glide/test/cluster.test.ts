import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, ConnectionError, slot } from '@cache/core'
import { eventually, startRedisCluster, type ClusterNode, type RedisCluster } from '@cache/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { answer, on, onCluster, recovered, type Made } from './drivers.js'

const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`)

let redis: RedisCluster
beforeAll(
  async () => void (redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })),
)
afterAll(() => redis.stop())

/** The primary that a key is on, as the driver knows it. */
function ownerOf(driver: Made, key: string): ClusterNode {
  const address = driver.nodeOf!(key)
  const owner = redis.nodes.find(({ host, port }) => `${host}:${port}` === address)
  if (!owner) throw new Error(`nobody owns ${key}`)
  return owner
}

async function filled(): Promise<Made> {
  const driver = onCluster(redis.addresses)
  await recovered(driver)
  await eventually(async () => {
    const replies = await Promise.all(driver.send(KEYS.map((key) => on(key, 'SET', key, key))))
    return replies.every((reply) => reply === 'OK')
  })
  return driver
}

/** Reads all keys and counts, until it is stopped. Rejects if a reply is wrong. */
function traffic(driver: Made, timeout: number) {
  const stop = new AbortController()
  const errors: CacheError[] = []
  const counts = new Map<string, number>()
  let right = 0
  const running = KEYS.map(async (key) => {
    const counter = `{${key}}:n`
    for (; !stop.signal.aborted; await sleep(5)) {
      const commands = [on(key, 'GET', key), on(counter, 'INCR', counter)]
      const [read, counted] = await Promise.all(driver.send(commands, { timeout }))
      if (read instanceof CacheError) errors.push(read)
      else if (read !== key) throw new Error(`${key} answered ${String(read)}`)
      else right++
      if (counted instanceof CacheError) errors.push(counted)
      else counts.set(counter, Number(counted))
    }
  })
  return {
    counts,
    async stop() {
      stop.abort()
      await Promise.all(running)
      return { right, errors }
    },
  }
}

it('its nodes are the primaries, even while it connects', async () => {
  await using driver = onCluster(redis.addresses)
  expect((await driver.nodes()).map(({ id }) => id).sort()).toEqual(
    redis.primaries.map(({ host, port }) => `${host}:${port}`).sort(),
  )
})

it('slots move under load (ASK, then MOVED): no command fails or runs twice', async () => {
  await using driver = await filled()
  const load = traffic(driver, 5_000)
  const moves: [number, ClusterNode, ClusterNode][] = []
  for (const key of KEYS.slice(0, 4)) {
    const from = ownerOf(driver, key)
    const to = redis.primaries.find((node) => node !== from)!
    moves.push([slot(key), from, to])
    await redis.migrateSlot(slot(key), from, to, { stopHalfway: true })
    await sleep(20)
    await redis.migrateSlot(slot(key), from, to)
    await sleep(20)
  }
  const { right, errors } = await load.stop()
  expect(errors).toEqual([])
  expect(right).toBeGreaterThan(KEYS.length)
  for (const [counter, count] of load.counts)
    expect(await answer(driver, on(counter, 'GET', counter))).toBe(String(count))
  await eventually(() => moves.every(([, , to], i) => ownerOf(driver, KEYS[i]!) === to)).catch(
    () => undefined,
  )
  for (const [number, from, to] of moves) await redis.migrateSlot(number, to, from)
  await redis.ready()
}, 60_000)

it('a primary that is paused only delays its own commands', async () => {
  await using driver = await filled()
  await eventually(async () => {
    await recovered(driver)
    return KEYS.every((key) => redis.primaries.includes(ownerOf(driver, key)))
  })
  const paused = ownerOf(driver, 'k0')
  const others = KEYS.filter((key) => ownerOf(driver, key) !== paused)
  expect(others.length).toBeGreaterThan(10)
  await paused.pause()
  try {
    const settled: string[] = []
    const results = driver.send(
      KEYS.map((key) => on(key, 'GET', key)),
      { timeout: 1_500 },
    )
    for (const [i, result] of results.entries()) void result.then(() => settled.push(KEYS[i]!))
    for (const key of others) expect(await answer(driver, on(key, 'GET', key))).toBe(key)
    const replies = await Promise.all(results)
    expect(settled.slice(0, others.length).sort()).toEqual([...others].sort())
    for (const [i, reply] of replies.entries())
      if (others.includes(KEYS[i]!)) expect(reply).toBe(KEYS[i])
      else expect(reply).toBeInstanceOf(CacheError)
  } finally {
    await paused.resume()
    await redis.ready()
  }
  for (const key of KEYS) await recovered(driver, key)
}, 60_000)

it('a primary and its replica change roles under load: no read is wrong', async () => {
  await using driver = await filled()
  await redis.ready()
  const load = traffic(driver, 5_000)
  await redis.failover(redis.primaries[0])
  for (const key of KEYS) await recovered(driver, key)
  await sleep(100)
  const { right } = await load.stop()
  expect(right).toBeGreaterThan(KEYS.length)
  await redis.ready()
}, 60_000)

it('a primary is killed under load and replaced: all slots work again', async () => {
  await using driver = await filled()
  await redis.ready()
  const load = traffic(driver, 500)
  const dead = ownerOf(driver, 'k0')
  await dead.kill()
  await redis.failover(dead, { takeover: true })
  for (const key of KEYS) await recovered(driver, key)
  await load.stop()
  await dead.restart()
  await redis.ready()
}, 60_000)

it('a paused primary is replaced by its replica: all slots work again', async () => {
  await using driver = await filled()
  await redis.ready()
  const silent = ownerOf(driver, 'k0')
  await silent.pause()
  await redis.failover(silent, { takeover: true })
  for (const key of KEYS) await recovered(driver, key)
  await silent.resume()
  await redis.ready()
}, 60_000)

it('a subscription to every primary reports a gap when one of them ends', async () => {
  await using driver = await filled()
  const events: string[] = []
  const subscription = await driver.subscribe(
    ['news'],
    {
      message: (_, payload) => events.push(payload),
      gap: () => events.push('gap'),
      live: () => events.push('live'),
    },
    { everyPrimary: true, heartbeat: 500 },
  )
  const dead = ownerOf(driver, 'k0')
  await dead.kill()
  await eventually(() => events.includes('gap'))
  await redis.failover(dead, { takeover: true })
  await eventually(() => events.includes('live'), { within: 20_000 })
  await dead.restart()
  await redis.ready()
  await subscription.close()
}, 60_000)

it('a sharded channel is subscribed at the owner of its slot', async ({ skip }) => {
  skip(Number.parseInt(redis.nodes[0]!.version) < 7, 'Redis 6.2 has no sharded channels')
  await using driver = await filled()
  const received: string[] = []
  const subscription = await driver.subscribe(
    ['{k0}:news'],
    {
      message: (channel, payload) => received.push(`${channel} ${payload}`),
      gap: () => received.push('gap'),
      live: () => undefined,
    },
    { sharded: true, heartbeat: 500 },
  )
  await answer(driver, on('{k0}:news', 'SPUBLISH', '{k0}:news', 'hello'))
  await eventually(() => received.length > 0)
  expect(received).toEqual(['{k0}:news hello'])
  await subscription.close()
})

it('a closed connection whose command blocks takes no item', async () => {
  await using driver = await filled()
  const connection = await driver.dedicate()
  const popped = answer(connection, on('list', 'BLPOP', 'list', '0'), 60_000)
  const owner = ownerOf(driver, 'list')
  await eventually(async () => (await owner.cli('CLIENT', 'LIST')).includes('cmd=blpop'))
  await connection.close()
  expect(await popped).toBeInstanceOf(ConnectionError)
  expect(await answer(driver, on('list', 'RPUSH', 'list', 'item'))).toBe(1)
  expect(await answer(driver, on('list', 'LLEN', 'list'))).toBe(1)
})

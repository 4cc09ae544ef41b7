import { setTimeout as sleep } from 'node:timers/promises'
import { startRedisCluster, type ClusterNode, type RedisCluster } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CacheError, createCacheClient, slot, type Driver, type Reply } from '../../src/index.js'
import { answer, flavours, on, recovered } from './clients.js'

let redis: RedisCluster
beforeAll(
  async () => void (redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })),
)
afterAll(() => redis.stop())

const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`)
const owner = async (key: string): Promise<ClusterNode> => {
  for (const node of redis.primaries)
    if (
      node.running &&
      !(await node.cli('GET', key).catch((error: Error) => error.message)).includes('MOVED')
    )
      return node
  throw new Error(`nobody owns ${key}`)
}

/**
 * Reads and counts continuously until it is stopped, and returns the results. The keys are read one
 * by one, and all at once.
 */
function traffic(
  driver: Driver,
  timeout: number,
): {
  stop(): Promise<{ right: number; errors: Map<string, number>; acknowledged: Map<string, number> }>
} {
  let on_ = true
  let right = 0
  const errors = new Map<string, number>()
  const acknowledged = new Map<string, number>()
  const note = (reply: Reply | CacheError, expected?: string): void => {
    if (reply instanceof CacheError) errors.set(reply.code, (errors.get(reply.code) ?? 0) + 1)
    else if (expected !== undefined && reply !== expected)
      throw new Error(`${String(reply)} is not ${expected}`)
    else right++
  }
  const running = KEYS.map(async (key) => {
    for (; on_; await sleep(2)) {
      const [read, counted] = await Promise.all(
        driver.send([on(key, 'GET', key), on(`{${key}}:n`, 'INCR', `{${key}}:n`)], { timeout }),
      )
      note(read!, key)
      note(counted!)
      if (typeof counted === 'number') acknowledged.set(key, counted)
    }
  })
  const readAll = async (): Promise<void> => {
    const reads = KEYS.map((key) => ({ ...on(key, 'GET', key), binary: true }))
    for (; on_; await sleep(2)) {
      const replies = await Promise.all(driver.send(reads, { timeout }))
      for (const [i, reply] of replies.entries())
        note(Buffer.isBuffer(reply) ? String(reply) : reply, KEYS[i])
    }
  }
  running.push(readAll())
  return {
    async stop() {
      on_ = false
      await Promise.all(running)
      return { right, errors, acknowledged }
    },
  }
}

describe.each(flavours)('over $name', ({ cluster }) => {
  it('its nodes are the primaries, even while it connects', async () => {
    const primaries = redis.primaries.map(({ host, port }) => `${host}:${port}`).sort()
    for (let i = 0; i < 10; i++) {
      await using made = cluster(redis.addresses)
      const asking = Promise.all(made.driver.send([on('a', 'GET', 'a')], { timeout: 20_000 }))
      await new Promise((resolve) => setTimeout(resolve, i))
      expect((await made.driver.nodes()).map(({ id }) => id).sort()).toEqual(primaries)
      await asking
    }
  })

  it('slots move under load (ASK, then MOVED): no command fails or runs twice', async () => {
    await redis.flush()
    await using made = cluster(redis.addresses)
    const { driver } = made
    await recovered(driver)
    for (const key of KEYS) await answer(driver, on(key, 'SET', key, key))
    const load = traffic(driver, 5_000)
    const moved = KEYS.slice(0, 5)
    const ways: [number, ClusterNode, ClusterNode][] = []
    for (const key of moved) {
      const from = await owner(key)
      const to = redis.primaries.find((node) => node !== from)!
      ways.push([slot(key), from, to])
      await redis.migrateSlot(slot(key), from, to, { stopHalfway: true })
      await sleep(20)
      await redis.migrateSlot(slot(key), from, to)
      await sleep(20)
    }
    const { right, errors, acknowledged } = await load.stop()
    expect(errors).toEqual(new Map())
    expect(right).toBeGreaterThan(KEYS.length)
    for (const [key, count] of acknowledged)
      expect(await answer(driver, on(`{${key}}:n`, 'GET', `{${key}}:n`))).toBe(String(count))
    for (const [number, from, to] of ways) await redis.migrateSlot(number, to, from)
    await redis.ready()
  })

  it('commands on a half-moved slot (TRYAGAIN) succeed once it has moved', async () => {
    await using made = cluster(redis.addresses)
    const { driver } = made
    await recovered(driver)
    await Promise.all(driver.send([on('{h}1', 'SET', '{h}1', '1'), on('{h}2', 'SET', '{h}2', '2')]))
    const from = await owner('{h}1')
    const to = redis.primaries.find((node) => node !== from)!
    await redis.migrateSlot(slot('h'), from, to, {
      stopHalfway: true,
      moving: (key) => key === '{h}1',
    })
    const halfway = await Promise.all(
      driver.send([{ args: ['MGET', '{h}1', '{h}2'], keys: ['{h}1', '{h}2'] }], { timeout: 300 }),
    )
    expect(halfway[0]).toBeInstanceOf(CacheError)
    await redis.migrateSlot(slot('h'), from, to)
    expect(
      await Promise.all(driver.send([{ args: ['MGET', '{h}1', '{h}2'], keys: ['{h}1', '{h}2'] }])),
    ).toEqual([['1', '2']])
    await redis.migrateSlot(slot('h'), to, from)
    await redis.ready()
  })

  it('a primary that is paused only delays its own commands', async () => {
    await using made = cluster(redis.addresses)
    const { driver } = made
    await recovered(driver)
    for (const key of KEYS) await answer(driver, on(key, 'SET', key, key))
    const paused = await owner('k0')
    const owners = new Map(
      await Promise.all(KEYS.map(async (key) => [key, await owner(key)] as const)),
    )
    const others = KEYS.filter((key) => owners.get(key) !== paused)
    expect(others.length).toBeGreaterThan(10)
    await paused.pause()
    try {
      const settled: (string | undefined)[] = []
      const results = driver.send(
        KEYS.map((key) => on(key, 'GET', key)),
        { timeout: 1_500 },
      )
      for (const [i, result] of results.entries()) void result.then(() => settled.push(KEYS[i]))
      for (const key of others) expect(await answer(driver, on(key, 'GET', key))).toBe(key)
      const replies = await Promise.all(results)
      expect(settled.slice(0, others.length).sort()).toEqual([...others].sort())
      for (const [i, reply] of replies.entries())
        expect(others.includes(KEYS[i]!) ? reply : reply instanceof CacheError).toBe(
          others.includes(KEYS[i]!) ? KEYS[i] : true,
        )
    } finally {
      await paused.resume()
      await redis.ready()
    }
    for (const key of KEYS) await recovered(driver, key)
  })

  it('a primary that is down opens only its own circuit, until it is back', async () => {
    await using alone = await startRedisCluster({
      primaries: 3,
      config: { 'cluster-require-full-coverage': 'no' },
    })
    await using made = cluster(alone.addresses)
    const client = createCacheClient(made.driver, {
      resilience: { readTimeout: 300, writeTimeout: 300, breaker: { failures: 3, cooldown: 200 } },
    })
    const get = (key: string, timeout = 2_000): Promise<string> =>
      client.send(on(key, 'GET', key), { timeout }).then(
        () => 'OK',
        (error: CacheError) => error.code,
      )
    await recovered(made.driver)
    const [dead] = alone.primaries
    const isDead = (key: string): boolean =>
      made.driver.nodeOf!(key) === `${dead!.host}:${dead!.port}`
    const [lost, others] = [KEYS.filter(isDead), KEYS.filter((key) => !isDead(key))]
    expect(Math.min(lost.length, others.length)).toBeGreaterThan(5)
    await dead!.kill()
    const refused = new Set<string>()
    for (let round = 0; round < 30; round++) {
      const [theirs, ours] = await Promise.all([
        Promise.all(lost.map((key) => get(key, 300))),
        Promise.all(others.map((key) => get(key))),
      ])
      for (const said of theirs) refused.add(said)
      expect(new Set(ours)).toEqual(new Set(['OK']))
    }
    expect(refused).toContain('CIRCUIT_OPEN')
    expect(refused).not.toContain('OK')
    await dead!.restart()
    await expect
      .poll(() => Promise.all(KEYS.map((key) => get(key))), { timeout: 20_000, interval: 100 })
      .toEqual(KEYS.map(() => 'OK'))
    await client.close()
  })

  it('a primary and its replica change roles under load: no read is wrong', async () => {
    await using alone = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
    await using made = cluster(alone.addresses)
    const { driver } = made
    await recovered(driver)
    for (const key of KEYS) await answer(driver, on(key, 'SET', key, key))
    await alone.ready()
    const load = traffic(driver, 5_000)
    await alone.failover(alone.primaries[0])
    for (const key of KEYS) await recovered(driver, key)
    await sleep(100)
    const { right, errors } = await load.stop()
    expect(right).toBeGreaterThan(KEYS.length)
    expect(errors).toEqual(new Map())
  })

  it('a primary is killed under load and replaced: all slots work again', async () => {
    await using made = cluster(redis.addresses)
    const { driver } = made
    await recovered(driver)
    for (const key of KEYS) await answer(driver, on(key, 'SET', key, key))
    await redis.ready()
    const load = traffic(driver, 500)
    const dead = await owner('k0')
    await dead.kill()
    await redis.failover(dead, { takeover: true })
    for (const key of KEYS) await recovered(driver, key)
    const { errors } = await load.stop()
    for (const code of errors.keys())
      expect([
        'CONNECTION',
        'TIMEOUT',
        'CLUSTERDOWN',
        'MOVED',
        'LOADING',
        'READONLY',
        'MASTERDOWN',
      ]).toContain(code)
    await dead.restart()
    await redis.ready()
  })
})

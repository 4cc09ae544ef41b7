import { setTimeout as sleep } from 'node:timers/promises'
import { CommandTimeoutError, ConnectionError, InvalidOptionError, createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startCluster } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { ShardNotEmptyError, ketama, rendezvous, shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keepReading, keyed, movingKey, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn, keepFromSweeping } = changing(on)

describe('trouble', () => {
  it('a shard that holds keys is not added, and nothing changes', async () => {
    const { driver, client } = startProcess(THREE)
    await on().servers.d.cli('SET', 'left:over', 'x')
    const changed = change(driver, FOUR)
    await expect(changed).rejects.toBeInstanceOf(ShardNotEmptyError)
    await expect(changed).rejects.toMatchObject({ shard: 'd', key: 'left:over' })
    for (let i = 0; i < 50; i++) expect(await client.send(keyed(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    expect(driver.shardOf(movingKey('a'))).toBe('a')
    await on().servers.d.flush()
    await change(driver, FOUR)
  })

  it('a shard that is lost is left without what it held; the rest is moved', async () => {
    const { driver, client } = startProcess(THREE)
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
    const held = keys.map((key) => driver.shardOf(key) !== 'c')
    await on().servers.c.kill()
    const next = { shards: on().shardsOf(driver, ['a', 'b', 'd']) }
    for (const lost of [['x'], 'c', [1]]) await expect(driver.reshard(next, { lost } as never)).rejects.toBeInstanceOf(InvalidOptionError)
    await driver.reshard(next, { lost: ['c'] })
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys.map((key, i) => (held[i] ? key : null)))
  })

  it('an old shard that does not answer keeps its keys waiting, not the others; when it is back all is there, and the change ends', async () => {
    const { driver } = startProcess(THREE)
    const client = createCacheClient(driver, { resilience: { readTimeout: 300, writeTimeout: 300 } })
    const [ofA, ofB] = [movingKey('a'), movingKey('b')]
    await Promise.all([ofA, ofB].map((key) => client.send(keyed(key, 'SET', key, key))))
    await keepFromSweeping(THREE, 3_000)
    const changed = change(driver, FOUR)
    await soon(() => expect(driver.shardOf(ofA)).toBe('d'))
    await on().servers.b.pause()
    expect(await client.send(keyed(ofA, 'GET', ofA))).toBe(ofA)
    await expect(client.send(keyed(ofB, 'SET', ofB, 'new'))).rejects.toBeInstanceOf(Error)
    for (let i = 0; i < 100; i++) if (driver.shardOf(`k${i}`) === 'c') expect(await client.send(keyed(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    await on().servers.b.resume()
    await soon(async () => expect(await client.send(keyed(ofB, 'GET', ofB))).toBe(ofB))
    await changed
  }, 60_000)

  it('a shard to be added that does not answer is not added, and holds up no key that was to go there', async () => {
    const { driver, client } = startProcess(THREE)
    const key = movingKey('a')
    await on().servers.d.pause()
    let ended: unknown
    change(driver, FOUR).then(() => { ended = 'changed' }, (error: unknown) => { ended = error })
    while (ended === undefined) {
      expect(await client.send(keyed(key, 'SET', key, 'x'), { timeout: 800 })).toBe('OK')
      await sleep(10)
    }
    expect(ended).toBeInstanceOf(Error)
    expect(driver.shardOf(key)).toBe('a')
  })

  it('a shard that does not answer when the change is to begin: it does not, for nobody; and nobody is late when it begins later', async () => {
    const processes = [startProcess(THREE), startProcess(THREE)]
    const key = movingKey('b')
    await on().servers.b.pause()
    for (const { driver } of processes) await expect(change(driver, FOUR)).rejects.toBeInstanceOf(Error)
    await sleep(400) // longer than settle
    await on().servers.b.resume()
    for (const { client, driver } of processes) {
      expect(driver.shardOf(key)).toBe('b')
      await soon(async () => expect(await client.send(keyed(key, 'SET', key, 'x'))).toBe('OK'))
    }
    await Promise.all(processes.map(({ driver }) => change(driver, FOUR)))
  }, 60_000)

  it('where nobody can be asked when to change, nothing changes, and what waited for that goes on', async () => {
    const { driver, client } = startProcess(THREE)
    const [moving, staying] = [movingKey('b'), on().keyAt('c', on().driver(FOUR))]
    await driver.send([keyed(moving, 'SET', moving, 'x')])
    await on().servers.a.pause() // it keeps the register
    const changed = change(driver, FOUR).catch((error: unknown) => error)
    const [late] = await driver.send([keyed(moving, 'GET', moving)], { timeout: 50 })
    expect(late).toBeInstanceOf(CommandTimeoutError)
    expect(await driver.send([keyed(staying, 'ECHO', 'on')])).toEqual(['on'])
    const waiting = client.send(keyed(moving, 'GET', moving))
    expect(await changed).toBeInstanceOf(Error)
    expect(await waiting).toBe('x')
    expect(driver.shardOf(moving)).toBe('b')
    await on().servers.a.resume()
    await soon(() => change(driver, FOUR))
    expect(await client.send(keyed(moving, 'GET', moving))).toBe('x')
  }, 60_000)

  it('a register that is lost when all have joined is not missed', async () => {
    const [first, second] = [startProcess(THREE, 1_000), startProcess(THREE, 1_000)]
    const key = movingKey('a')
    await first.client.send(keyed(key, 'SET', key, 'x'))
    const changes = [change(first.driver, FOUR), change(second.driver, FOUR)]
    await sleep(500)
    expect(Number(await on().servers.a.cli('DBSIZE'))).toBeGreaterThan(1)
    await on().servers.a.cli('EVAL', "for _, key in ipairs(redis.call('KEYS', '{cache-shards}:after:*')) do redis.call('DEL', key) end", 0)
    await Promise.all(changes)
    expect(await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).toBe('')
    for (const { client, driver } of [first, second]) {
      expect(driver.shardOf(key)).toBe('d')
      expect(await client.send(keyed(key, 'GET', key))).toBe('x')
    }
  })

  it('a driver that is closed meanwhile says so', async () => {
    const { driver, client } = startProcess(THREE)
    const changed = change(driver, FOUR)
    await sleep(100)
    await driver.close()
    await expect(changed).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(client.send(keyed('k', 'GET', 'k'))).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(change(driver, THREE)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('what is not a key', () => {
  it('who listens hears what is published on a shard that comes, and knows of no gap when one goes', async () => {
    const [{ driver, client }, publisher] = [startProcess(THREE), startProcess(THREE)]
    const heard: string[] = []
    const subscription = await driver.subscribe(['news'], { message: (_, payload) => heard.push(payload), gap: () => heard.push('gap'), live: () => heard.push('live') })
    const key = movingKey('a')
    const publish = (payload: string) => publisher.client.send({ args: ['EVAL', "return redis.call('PUBLISH', 'news', ARGV[1])", '1', key, payload], keys: [key] })
    await publish('one')
    for (const names of [FOUR, THREE]) {
      const changes = [change(driver, names), change(publisher.driver, names)]
      await soon(() => expect(publisher.driver.shardOf(key)).toBe(names === FOUR ? 'd' : 'a'))
      await publish(names.join())
      await Promise.all(changes)
    }
    await publish('two')
    await soon(() => expect(heard).toEqual(['one', 'a,b,c,d', 'a,b,c', 'two']))
    await subscription.close()
    await client.close()
  }, 60_000)

  it('who waits on a connection of its own at the moment is told to ask again, and then waits in the new place', async () => {
    const { driver } = startProcess(THREE)
    const key = movingKey('a')
    const connection = await driver.dedicate()
    const waiting = connection.send([keyed(key, 'BLPOP', key, '30')])
    const changed = change(driver, FOUR)
    expect((await waiting)[0]).toBeInstanceOf(ConnectionError)
    const again = connection.send([keyed(key, 'BLPOP', key, '30')])
    await driver.send([keyed(key, 'RPUSH', key, 'item')])
    expect(await again).toEqual([[key, 'item']])
    await changed
    await connection.close()
  })
})

it.each([['other weights', { a: 1, b: 3, c: 1 }, rendezvous()], ['another placement', { a: 1, b: 1, c: 1 }, ketama()]] as const)('the same shards with %s: all keys are found again', async (_, weights, placement) => {
  const { driver, client } = startProcess(THREE)
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
  const shards = Object.fromEntries(Object.entries(on().shardsOf(driver, THREE)).map(([name, one]) => [name, { driver: one, weight: weights[name as 'a'] }]))
  const before = keys.map((key) => driver.shardOf(key))
  await driver.reshard({ shards, placement })
  expect(keys.map((key) => driver.shardOf(key))).not.toEqual(before)
  for (const name of THREE) for (const key of await keysOn(name)) expect(driver.shardOf(key)).toBe(name)
  expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
  await driver.reshard({ shards, placement }) // they are the same: there is nothing to do
})

it('a Cluster may come in the place of a server, and go again', async () => {
  await using redis = await startCluster()
  const cluster = new Cluster(redis.nodes.map(({ host, port }) => ({ host, port })))
  const [a, b, again] = [on().driverAt('a'), on().driverAt('b'), on().driverAt('b')]
  const driver = shardedDriver({ shards: { a, b }, settle: 300 })
  const client = on().client(driver)
  const stop = await keepReading(client)
  await driver.reshard({ shards: { a, big: ioredisDriver(cluster) } })
  expect(await keysOn('b')).toEqual([])
  expect((await driver.nodes()).length).toBe(4)
  await driver.reshard({ shards: { a, b: again } })
  expect((await keysOn('b')).length).toBeGreaterThan(100)
  expect(await stop()).toEqual([])
  await driver.close()
  cluster.disconnect()
}, 60_000)

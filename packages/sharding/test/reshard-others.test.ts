import { ConnectionError } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedisCluster } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { ketama, rendezvous, shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, keepReading, movingKey, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn } = reshardHelpers(setup)

describe('messages and dedicated connections', () => {
  it('a subscription receives messages from an added shard, without a gap', async () => {
    const [{ driver, client }, publisher] = [startProcess(THREE), startProcess(THREE)]
    const received: string[] = []
    const subscription = await driver.subscribe(['news'], {
      message: (_, payload) => received.push(payload),
      gap: () => received.push('gap'),
      live: () => received.push('live'),
    })
    const key = movingKey('a')
    const publish = (payload: string) =>
      publisher.client.send({
        args: ['EVAL', "return redis.call('PUBLISH', 'news', ARGV[1])", '1', key, payload],
        keys: [key],
      })
    await publish('one')
    for (const names of [FOUR, THREE]) {
      const changes = [reshardTo(driver, names), reshardTo(publisher.driver, names)]
      await eventually(() => expect(publisher.driver.shardOf(key)).toBe(names === FOUR ? 'd' : 'a'))
      await publish(names.join())
      await Promise.all(changes)
    }
    await publish('two')
    await eventually(() => expect(received).toEqual(['one', 'a,b,c,d', 'a,b,c', 'two']))
    await subscription.close()
    await client.close()
  }, 90_000)

  it('a blocking command fails at the switch, and then blocks on the new shard', async () => {
    const { driver } = startProcess(THREE)
    const key = movingKey('a')
    const connection = await driver.dedicate()
    const waiting = Promise.all(connection.send([commandOn(key, 'BLPOP', key, '30')]))
    const changed = reshardTo(driver, FOUR)
    expect((await waiting)[0]).toBeInstanceOf(ConnectionError)
    const again = Promise.all(connection.send([commandOn(key, 'BLPOP', key, '30')]))
    await Promise.all(driver.send([commandOn(key, 'RPUSH', key, 'item')]))
    expect(await again).toEqual([[key, 'item']])
    await changed
    await connection.close()
  })
})

it.each([
  ['other weights', { a: 1, b: 3, c: 1 }, rendezvous()],
  ['another placement', { a: 1, b: 1, c: 1 }, ketama()],
] as const)('the same shards with %s: all keys are still found', async (_, weights, placement) => {
  const { driver, client } = startProcess(THREE)
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
  const shards = Object.fromEntries(
    Object.entries(setup().shardsOf(driver, THREE)).map(([name, shard]) => [
      name,
      { driver: shard, weight: weights[name as 'a'] },
    ]),
  )
  const before = keys.map((key) => driver.shardOf(key))
  await driver.reshard({ shards, placement })
  expect(keys.map((key) => driver.shardOf(key))).not.toEqual(before)
  for (const name of THREE)
    for (const key of await keysOn(name)) expect(driver.shardOf(key)).toBe(name)
  expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
    keys,
  )
  await driver.reshard({ shards, placement }) // nothing to do: the layout is the same
})

it('a Cluster can replace a server, and be replaced again', async () => {
  await using redis = await startRedisCluster()
  const cluster = new Cluster(redis.nodes.map(({ host, port }) => ({ host, port })))
  const [a, b, again] = [setup().driverAt('a'), setup().driverAt('b'), setup().driverAt('b')]
  const driver = shardedDriver({ shards: { a, b }, announceFor: 300 })
  const client = setup().client(driver)
  const stop = await keepReading(client)
  await driver.reshard({ shards: { a, big: ioredisDriver(cluster) } })
  expect(await keysOn('b')).toEqual([])
  expect((await driver.nodes()).length).toBe(4)
  await driver.reshard({ shards: { a, b: again } })
  expect((await keysOn('b')).length).toBeGreaterThan(100)
  expect(await stop()).toEqual([])
  await driver.close()
  cluster.disconnect()
}, 90_000)

import { ConnectionError } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startCluster } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { ketama, rendezvous, shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keepReading, keyed, movingKey, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn } = changing(on)

describe('what is not a key', () => {
  it('who listens hears what is published on a shard that comes, and knows of no gap when one goes', async () => {
    const [{ driver, client }, publisher] = [startProcess(THREE), startProcess(THREE)]
    const heard: string[] = []
    const subscription = await driver.subscribe(['news'], {
      message: (_, payload) => heard.push(payload),
      gap: () => heard.push('gap'),
      live: () => heard.push('live'),
    })
    const key = movingKey('a')
    const publish = (payload: string) =>
      publisher.client.send({
        args: ['EVAL', "return redis.call('PUBLISH', 'news', ARGV[1])", '1', key, payload],
        keys: [key],
      })
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

it.each([
  ['other weights', { a: 1, b: 3, c: 1 }, rendezvous()],
  ['another placement', { a: 1, b: 1, c: 1 }, ketama()],
] as const)('the same shards with %s: all keys are found again', async (_, weights, placement) => {
  const { driver, client } = startProcess(THREE)
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
  const shards = Object.fromEntries(
    Object.entries(on().shardsOf(driver, THREE)).map(([name, one]) => [
      name,
      { driver: one, weight: weights[name as 'a'] },
    ]),
  )
  const before = keys.map((key) => driver.shardOf(key))
  await driver.reshard({ shards, placement })
  expect(keys.map((key) => driver.shardOf(key))).not.toEqual(before)
  for (const name of THREE)
    for (const key of await keysOn(name)) expect(driver.shardOf(key)).toBe(name)
  expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
  await driver.reshard({ shards, placement }) // they are the same: there is nothing to do
})

it('a Cluster may come in the place of a server, and go again', async () => {
  await using redis = await startCluster()
  const cluster = new Cluster(redis.nodes.map(({ host, port }) => ({ host, port })))
  const [a, b, again] = [on().driverAt('a'), on().driverAt('b'), on().driverAt('b')]
  const driver = shardedDriver({ shards: { a, b }, announceFor: 300 })
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

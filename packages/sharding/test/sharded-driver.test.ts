import { ConnectionError, createCacheClient, defineScript, glob, type Command } from '@cache/core'
import { createFormat } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startCluster } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { describe, expect, it, vi } from 'vitest'
import { CrossShardError, ketama, shardedDriver, type ShardedDriver } from '../src/index.js'
import type { Name } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c')
const NAMES: readonly Name[] = ['a', 'b', 'c']

const command = (...args: [string, ...string[]]): Command => ({ args, keys: [] })
/** Until it holds. */
const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 20 })
const keyed = (key: string, ...args: [string, ...string[]]): Command => ({ args, keys: [key] })

async function sizes(): Promise<number[]> {
  return Promise.all(NAMES.map(async (name) => Number(await on().servers[name].cli('DBSIZE'))))
}

describe('keys', () => {
  it('are where their hash tag says, with all that has the same', async () => {
    const driver = on().driver()
    for (let i = 0; i < 200; i++) {
      const shard = driver.shardOf(`user:${i}`)
      for (const key of [`{user:${i}}:lease`, `cart:{user:${i}}`, `{user:${i}}`])
        expect(driver.shardOf(key)).toBe(shard)
    }
    // an empty tag is none
    expect(new Set(Array.from({ length: 100 }, (_, i) => driver.shardOf(`{}:${i}`))).size).toBe(3)
    const client = on().client(driver)
    await client.entries.put('product:1', createFormat({}), 'x', { ttl: 60_000 })
    await client.send(keyed('{product:1}:lease', 'SET', '{product:1}:lease', 'x'))
    expect((await sizes()).filter((size) => size > 0)).toEqual([2])
  })

  it('go to the same server as with ketama elsewhere, under the names that the servers have there', async () => {
    const driver = shardedDriver({
      placement: ketama(),
      shards: Object.fromEntries(
        NAMES.map((name, i) => [`10.0.0.${i + 1}:6379`, on().driverAt(name)]),
      ),
    })
    const client = on().client(driver)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        client.send(keyed(`k${i}`, 'SET', `k${i}`, driver.shardOf(`k${i}`))),
      ),
    )
    for (const [i, name] of NAMES.entries()) {
      for (const key of (await on().servers[name].cli('KEYS', '*')).split('\n').filter(Boolean))
        expect(driver.shardOf(key)).toBe(`10.0.0.${i + 1}:6379`)
    }
    await driver.close()
  })

  it('that lie on two shards can not be named by one command: it is refused, and nothing of it is sent', async () => {
    const driver = on().driver()
    const [one, other] = [on().keyAt('a', driver), on().keyAt('b', driver)]
    const [set, crossing, script, get] = await driver.send([
      keyed(one, 'SET', one, '1'),
      { args: ['DEL', one, other], keys: [one, other] },
      {
        args: ['EVAL', "return redis.call('DEL', KEYS[1], KEYS[2])", '2', one, other],
        keys: [one, other],
      },
      keyed(one, 'GET', one),
    ])
    expect([set, get]).toEqual(['OK', '1'])
    for (const error of [crossing, script]) {
      expect(error).toBeInstanceOf(CrossShardError)
      expect(error).toMatchObject({ code: 'CROSS_SHARD', key: one })
    }
    const client = on().client(driver)
    const touch = defineScript({
      name: 'touch',
      lua: "return redis.call('DEL', KEYS[1], KEYS[2])",
      parse: Number,
    })
    const mine = client.run(touch, ['{x}1', '{x}2'], [])
    await expect(client.run(touch, [one, other], [])).rejects.toBeInstanceOf(CrossShardError)
    expect(await mine).toBe(0) // it travelled alone
  })

  it('many at once are one send per shard, and come back in the order asked', async () => {
    const driver = on().driver()
    const client = on().client(driver)
    const format = createFormat<number>({})
    const keys = Array.from({ length: 300 }, (_, i) => `many:${i}`)
    await Promise.all(keys.map((key, i) => client.entries.put(key, format, i, { ttl: 60_000 })))
    const calls = async (): Promise<number[]> =>
      Promise.all(
        NAMES.map(async (name) =>
          Number(
            /cmdstat_mget:calls=(\d+)/.exec(
              await on().servers[name].cli('INFO', 'commandstats'),
            )?.[1] ?? 0,
          ),
        ),
      )
    const before = await calls()
    expect(
      (await client.entries.readMany(keys, format)).map(
        (entry) => (entry as { value: number }).value,
      ),
    ).toEqual([...keys.keys()])
    expect((await calls()).map((count, i) => count - before[i]!)).toEqual([1, 1, 1])
  })

  it('of all shards are found by a scan', async () => {
    const client = on().client(on().driver(), { namespace: 'shop' })
    const keys = Array.from({ length: 500 }, (_, i) => client.key('p', i))
    await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, 'x'))))
    const found: string[] = []
    for await (const some of client.scan(glob`p:*`)) found.push(...some)
    expect(found.sort()).toEqual(keys.sort())
  })
})

describe('shards', () => {
  it('are named in the ids of their nodes', async () => {
    const nodes = await on().driver().nodes()
    expect(nodes.map(({ id }) => id)).toEqual(
      NAMES.map((name) => `${name}/${on().servers[name].host}:${on().servers[name].port}`),
    )
  })

  it('may be a Cluster: keys are grouped by shard and by slot, and messages of all its nodes come', async () => {
    await using redis = await startCluster()
    const addresses = redis.nodes.map(({ host, port }) => ({ host, port }))
    const [first, second] = [
      new Cluster(addresses),
      createCluster({ rootNodes: addresses.map((socket) => ({ socket })) }),
    ]
    for (const cluster of [ioredisDriver(first), nodeRedisDriver(second)]) {
      const driver = shardedDriver({
        shards: { single: on().driverAt('a'), cluster },
        timeout: '10s',
      })
      const client = createCacheClient(driver)
      const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
      for (const group of driver.group(keys))
        expect(new Set(group.map((key) => driver.shardOf(key))).size).toBe(1)
      expect(driver.group(keys.filter((key) => driver.shardOf(key) === 'single')).length).toBe(1)
      expect(
        driver.group(keys.filter((key) => driver.shardOf(key) === 'cluster')).length,
      ).toBeGreaterThan(50)
      expect(
        await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key)))),
      ).toEqual(keys.map(() => 'OK'))
      expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(
        keys,
      )
      expect(await driver.nodes()).toHaveLength(4)
      const heard = new Set<string>()
      const subscription = await driver.subscribe(
        ['news'],
        {
          message: (_, payload) => heard.add(payload),
          gap: () => undefined,
          live: () => undefined,
        },
        { everywhere: true },
      )
      for (const key of keys.slice(0, 20))
        await client.send({
          args: ['EVAL', "return redis.call('PUBLISH', 'news', KEYS[1])", '1', key],
          keys: [key],
        })
      await soon(() => expect(heard.size).toBe(20))
      await subscription.close()
      await driver.close()
    }
    first.disconnect()
    second.destroy()
  }, 60_000)
})

describe('messages', () => {
  const listening = async (driver: ShardedDriver, options = {}) => {
    const heard: string[] = []
    const changed: (readonly string[] | undefined)[] = []
    const subscription = await driver.subscribe(
      ['news'],
      {
        message: (channel, payload) => heard.push(`${channel} ${payload}`),
        gap: () => heard.push('gap'),
        live: () => heard.push('live'),
        invalidated: (keys) => changed.push(keys),
      },
      options,
    )
    return { heard, changed, subscription }
  }

  it('come from whichever shard they are published on, once, and those without a key from the one of their channel', async () => {
    const driver = on().driver()
    const { heard, subscription } = await listening(driver)
    for (const name of NAMES) {
      const key = on().keyAt(name, driver)
      expect(
        await driver.send([
          {
            args: ['EVAL', "return redis.call('PUBLISH', 'news', ARGV[1])", '1', key, name],
            keys: [key],
          },
        ]),
      ).toEqual([1])
    }
    expect(await driver.send([command('PUBLISH', 'news', 'plain')])).toEqual([1])
    await soon(() =>
      expect([...heard].sort()).toEqual(['news a', 'news b', 'news c', 'news plain']),
    )
    const published = await Promise.all(
      NAMES.map(
        async (name) =>
          /cmdstat_publish:calls=(\d+)/.exec(
            await on().servers[name].cli('INFO', 'commandstats'),
          )?.[1],
      ),
    )
    expect(published[NAMES.indexOf(driver.shardOf('news') as Name)]).toBe('2')
    await subscription.close()
  })

  it('of sharded pub/sub come as well', async () => {
    const driver = on().driver()
    const { heard, subscription } = await listening(driver, { sharded: true })
    expect(await driver.send([command('SPUBLISH', 'news', 'one')])).toEqual([1])
    await soon(() => expect(heard).toEqual(['news one']))
    await subscription.close()
  })

  it('keys that change on any shard are told where they are tracked', async () => {
    const driver = on().driver()
    const { changed, subscription } = await listening(driver, { tracking: { prefixes: ['key:'] } })
    const keys = NAMES.map((name) => on().keyAt(name, driver))
    for (const [i, name] of NAMES.entries()) await on().servers[name].cli('SET', keys[i]!, 'x')
    await soon(() => expect(changed.flat().sort()).toEqual([...keys].sort()))
    await subscription.close()
  })

  it('there is one gap while any shard is missing, and it is live when all are there again; the others’ messages go on coming', async () => {
    const driver = on().driver()
    const { heard, subscription } = await listening(driver, { heartbeat: 700 })
    const publish = async (name: Name) => on().servers[name].cli('PUBLISH', 'news', name)
    await on().servers.b.kill()
    await soon(() => expect(heard).toEqual(['gap']))
    await publish('a')
    await soon(() => expect(heard).toEqual(['gap', 'news a']))
    await on().servers.c.pause()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await on().servers.b.restart()
    await publish('a')
    await soon(() => expect(heard).toEqual(['gap', 'news a', 'news a']))
    await on().servers.c.resume()
    await soon(() => expect(heard.at(-1)).toBe('live'))
    for (const name of NAMES) await publish(name)
    await soon(() =>
      expect(heard).toEqual(['gap', 'news a', 'news a', 'live', 'news a', 'news b', 'news c']),
    )
    await subscription.close()
    await publish('a')
    expect(heard).toHaveLength(7)
  })

  it('a subscription that can not listen everywhere is refused, and leaves nothing behind', async () => {
    const driver = on().driver(['a', 'b', 'c'], { timeout: '300ms' })
    await on().servers.c.kill()
    await expect(listening(driver)).rejects.toBeInstanceOf(ConnectionError)
    await soon(async () =>
      expect(await on().servers.a.cli('PUBSUB', 'NUMSUB', 'news')).toMatch(/0$/m),
    )
  })
})

describe('connections of their own', () => {
  it('go to the shard of the key, and block none of the others', async () => {
    const driver = on().driver()
    const connection = await driver.dedicate()
    const [one, other] = [on().keyAt('a', driver), on().keyAt('b', driver)]
    const waiting = connection.send([keyed(one, 'BLPOP', one, '10')])
    expect(
      await connection.send([keyed(other, 'SET', other, 'x'), keyed(other, 'GET', other)]),
    ).toEqual(['OK', 'x'])
    await driver.send([keyed(one, 'RPUSH', one, 'item')])
    expect(await waiting).toEqual([[one, 'item']])
    const crossing = await connection.send([{ args: ['DEL', one, other], keys: [one, other] }])
    expect(crossing[0]).toBeInstanceOf(CrossShardError)
    await connection.close()
    expect((await connection.send([keyed(one, 'GET', one)]))[0]).toMatchObject({ code: 'CLOSED' })
  })
})

describe('a driver that breaks its contract', () => {
  it('fails its own commands only', async () => {
    const driver = shardedDriver({
      shards: {
        a: on().driverAt('a'),
        b: {
          ...on().driverAt('b'),
          send: () => {
            throw new Error('broken')
          },
        },
      },
    })
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
    const replies = await driver.send(keys.map((key) => keyed(key, 'SET', key, 'x')))
    for (const [i, reply] of replies.entries()) {
      if (driver.shardOf(keys[i]!) === 'a') expect(reply).toBe('OK')
      else expect(reply).toMatchObject({ code: 'DRIVER' })
    }
    await driver.close()
  })
})

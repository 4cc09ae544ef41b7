import { ConnectionError, createCacheClient, defineScript, glob, type Command } from '@cache/core'
import { createFormat } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedisCluster } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { describe, expect, it } from 'vitest'
import { CrossShardError, ketama, shardedDriver, type ShardedDriver } from '../src/index.js'
import type { Name } from './drivers.js'
import { commandOn, eventually } from './commands.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c')
const NAMES: readonly Name[] = ['a', 'b', 'c']

const command = (...args: [string, ...string[]]): Command => ({ args, keys: [] })

async function sizes(): Promise<number[]> {
  return Promise.all(NAMES.map(async (name) => Number(await setup().servers[name].cli('DBSIZE'))))
}

describe('keys', () => {
  it('are on the shard of their hash tag, with all keys of the same tag', async () => {
    const driver = setup().driver()
    for (let i = 0; i < 200; i++) {
      const shard = driver.shardOf(`user:${i}`)
      for (const key of [`{user:${i}}:lease`, `cart:{user:${i}}`, `{user:${i}}`])
        expect(driver.shardOf(key)).toBe(shard)
    }
    // an empty hash tag is no hash tag
    expect(new Set(Array.from({ length: 100 }, (_, i) => driver.shardOf(`{}:${i}`))).size).toBe(3)
    const client = setup().client(driver)
    await client.entries.put('product:1', createFormat({}), 'x', { ttl: 60_000 })
    await client.send(commandOn('{product:1}:lease', 'SET', '{product:1}:lease', 'x'))
    expect((await sizes()).filter((size) => size > 0)).toEqual([2])
  })

  it('go to the same server as with ketama elsewhere', async () => {
    const driver = shardedDriver({
      placement: ketama(),
      shards: Object.fromEntries(
        NAMES.map((name, i) => [`10.0.0.${i + 1}:6379`, setup().driverAt(name)]),
      ),
    })
    const client = setup().client(driver)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        client.send(commandOn(`k${i}`, 'SET', `k${i}`, driver.shardOf(`k${i}`))),
      ),
    )
    for (const [i, name] of NAMES.entries()) {
      for (const key of (await setup().servers[name].cli('KEYS', '*')).split('\n').filter(Boolean))
        expect(driver.shardOf(key)).toBe(`10.0.0.${i + 1}:6379`)
    }
    await driver.close()
  })

  it('on two shards can’t be named by one command: it is refused and not sent', async () => {
    const driver = setup().driver()
    const [one, other] = [setup().keyAt('a', driver), setup().keyAt('b', driver)]
    const [set, crossing, script, get] = await Promise.all(
      driver.send([
        commandOn(one, 'SET', one, '1'),
        { args: ['DEL', one, other], keys: [one, other] },
        {
          args: ['EVAL', "return redis.call('DEL', KEYS[1], KEYS[2])", '2', one, other],
          keys: [one, other],
        },
        commandOn(one, 'GET', one),
      ]),
    )
    expect([set, get]).toEqual(['OK', '1'])
    for (const error of [crossing, script]) {
      expect(error).toBeInstanceOf(CrossShardError)
      expect(error).toMatchObject({ code: 'CROSS_SHARD', key: one })
    }
    const client = setup().client(driver)
    const touch = defineScript({
      name: 'touch',
      lua: "return redis.call('DEL', KEYS[1], KEYS[2])",
      parse: Number,
    })
    const sameTag = client.run(touch, ['{x}1', '{x}2'], [])
    await expect(client.run(touch, [one, other], [])).rejects.toBeInstanceOf(CrossShardError)
    expect(await sameTag).toBe(0) // the refused call did not affect it
  })

  it('are sent with one send per shard, with replies in order', async () => {
    const driver = setup().driver()
    const client = setup().client(driver)
    const format = createFormat<number>({})
    const keys = Array.from({ length: 300 }, (_, i) => `many:${i}`)
    await Promise.all(keys.map((key, i) => client.entries.put(key, format, i, { ttl: 60_000 })))
    const calls = async (): Promise<number[]> =>
      Promise.all(
        NAMES.map(async (name) =>
          Number(
            /cmdstat_mget:calls=(\d+)/.exec(
              await setup().servers[name].cli('INFO', 'commandstats'),
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

  it('on all shards are found by a scan', async () => {
    const client = setup().client(setup().driver(), { namespace: 'shop' })
    const keys = Array.from({ length: 500 }, (_, i) => client.key('p', i))
    await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, 'x'))))
    const scanned: string[] = []
    for await (const page of client.scan(glob`p:*`)) scanned.push(...page)
    expect(scanned.sort()).toEqual(keys.sort())
  })
})

describe('shards', () => {
  it('are part of the ids of their nodes', async () => {
    const nodes = await setup().driver().nodes()
    expect(nodes.map(({ id }) => id)).toEqual(
      NAMES.map((name) => `${name}/${setup().servers[name].host}:${setup().servers[name].port}`),
    )
  })

  it('can be a Cluster: keys are grouped by slot, and its messages arrive', async () => {
    await using redis = await startRedisCluster()
    const addresses = redis.nodes.map(({ host, port }) => ({ host, port }))
    const [first, second] = [
      new Cluster(addresses),
      createCluster({ rootNodes: addresses.map((socket) => ({ socket })) }),
    ]
    for (const cluster of [ioredisDriver(first), nodeRedisDriver(second)]) {
      const driver = shardedDriver({
        shards: { single: setup().driverAt('a'), cluster },
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
        await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key)))),
      ).toEqual(keys.map(() => 'OK'))
      expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
        keys,
      )
      const readGroups = driver.groupReads!(keys)
      expect(readGroups).toHaveLength(1 + redis.primaries.length)
      const values = await Promise.all(
        driver.send(
          readGroups.map((group) => ({ args: ['MGET', ...group], keys: group, partial: true })),
        ),
      )
      expect(values).toEqual(readGroups)
      expect(await driver.nodes()).toHaveLength(4)
      const received = new Set<string>()
      const subscription = await driver.subscribe(
        ['news'],
        {
          message: (_, payload) => received.add(payload),
          gap: () => undefined,
          live: () => undefined,
        },
        { everyPrimary: true },
      )
      for (const key of keys.slice(0, 20))
        await client.send({
          args: ['EVAL', "return redis.call('PUBLISH', 'news', KEYS[1])", '1', key],
          keys: [key],
        })
      await eventually(() => expect(received.size).toBe(20))
      await subscription.close()
      await driver.close()
    }
    first.disconnect()
    second.destroy()
  }, 90_000)
})

describe('messages', () => {
  const listening = async (driver: ShardedDriver, options = {}) => {
    const received: string[] = []
    const changed: (readonly string[] | undefined)[] = []
    const subscription = await driver.subscribe(
      ['news'],
      {
        message: (channel, payload) => received.push(`${channel} ${payload}`),
        gap: () => received.push('gap'),
        live: () => received.push('live'),
        invalidated: (keys) => changed.push(keys),
      },
      options,
    )
    return { received, changed, subscription }
  }

  it('arrive once from any shard; PUBLISH goes to the shard of its channel', async () => {
    const driver = setup().driver()
    const { received, subscription } = await listening(driver)
    for (const name of NAMES) {
      const key = setup().keyAt(name, driver)
      expect(
        await Promise.all(
          driver.send([
            {
              args: ['EVAL', "return redis.call('PUBLISH', 'news', ARGV[1])", '1', key, name],
              keys: [key],
            },
          ]),
        ),
      ).toEqual([1])
    }
    expect(await Promise.all(driver.send([command('PUBLISH', 'news', 'plain')]))).toEqual([1])
    await eventually(() =>
      expect([...received].sort()).toEqual(['news a', 'news b', 'news c', 'news plain']),
    )
    const published = await Promise.all(
      NAMES.map(
        async (name) =>
          /cmdstat_publish:calls=(\d+)/.exec(
            await setup().servers[name].cli('INFO', 'commandstats'),
          )?.[1],
      ),
    )
    expect(published[NAMES.indexOf(driver.shardOf('news') as Name)]).toBe('2')
    await subscription.close()
  })

  it('of sharded pub/sub arrive as well', async () => {
    const driver = setup().driver()
    const { received, subscription } = await listening(driver, { sharded: true })
    expect(await Promise.all(driver.send([command('SPUBLISH', 'news', 'one')]))).toEqual([1])
    await eventually(() => expect(received).toEqual(['news one']))
    await subscription.close()
  })

  it('of tracking report changed keys on all shards', async () => {
    const driver = setup().driver()
    const { changed, subscription } = await listening(driver, { tracking: { prefixes: ['key:'] } })
    const keys = NAMES.map((name) => setup().keyAt(name, driver))
    for (const [i, name] of NAMES.entries()) await setup().servers[name].cli('SET', keys[i]!, 'x')
    await eventually(() => expect(changed.flat().sort()).toEqual([...keys].sort()))
    await subscription.close()
  })

  it('have one gap while any shard is missing; messages from the others still arrive', async () => {
    const driver = setup().driver()
    const { received, subscription } = await listening(driver, { heartbeat: 700 })
    const publish = async (name: Name) => setup().servers[name].cli('PUBLISH', 'news', name)
    await setup().servers.b.kill()
    await eventually(() => expect(received).toEqual(['gap']))
    await publish('a')
    await eventually(() => expect(received).toEqual(['gap', 'news a']))
    await setup().servers.c.pause()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await setup().servers.b.restart()
    await publish('a')
    await eventually(() => expect(received).toEqual(['gap', 'news a', 'news a']))
    await setup().servers.c.resume()
    await eventually(() => expect(received.at(-1)).toBe('live'))
    for (const name of NAMES) await publish(name)
    await eventually(() =>
      expect(received).toEqual(['gap', 'news a', 'news a', 'live', 'news a', 'news b', 'news c']),
    )
    await subscription.close()
    await publish('a')
    expect(received).toHaveLength(7)
  })

  it('a subscription that can’t listen on all shards leaves nothing behind', async () => {
    const driver = setup().driver(['a', 'b', 'c'], { timeout: '300ms' })
    await setup().servers.c.kill()
    await expect(listening(driver)).rejects.toBeInstanceOf(ConnectionError)
    await eventually(async () =>
      expect(await setup().servers.a.cli('PUBSUB', 'NUMSUB', 'news')).toMatch(/0$/m),
    )
  })
})

describe('dedicated connections', () => {
  it('send to the shard of the key, and block no other shard', async () => {
    const driver = setup().driver()
    const connection = await driver.dedicate()
    const [one, other] = [setup().keyAt('a', driver), setup().keyAt('b', driver)]
    const waiting = Promise.all(connection.send([commandOn(one, 'BLPOP', one, '10')]))
    expect(
      await Promise.all(
        connection.send([commandOn(other, 'SET', other, 'x'), commandOn(other, 'GET', other)]),
      ),
    ).toEqual(['OK', 'x'])
    await Promise.all(driver.send([commandOn(one, 'RPUSH', one, 'item')]))
    expect(await waiting).toEqual([[one, 'item']])
    const crossing = await Promise.all(
      connection.send([{ args: ['DEL', one, other], keys: [one, other] }]),
    )
    expect(crossing[0]).toBeInstanceOf(CrossShardError)
    await connection.close()
    expect((await Promise.all(connection.send([commandOn(one, 'GET', one)])))[0]).toMatchObject({
      code: 'CLOSED',
    })
  })
})

describe('a shard whose driver throws', () => {
  it('fails only its own commands', async () => {
    const driver = shardedDriver({
      shards: {
        a: setup().driverAt('a'),
        b: {
          ...setup().driverAt('b'),
          send: () => {
            throw new Error('broken')
          },
        },
      },
    })
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
    const replies = await Promise.all(
      driver.send(keys.map((key) => commandOn(key, 'SET', key, 'x'))),
    )
    for (const [i, reply] of replies.entries()) {
      if (driver.shardOf(keys[i]!) === 'a') expect(reply).toBe('OK')
      else expect(reply).toMatchObject({ code: 'DRIVER' })
    }
    await driver.close()
  })
})

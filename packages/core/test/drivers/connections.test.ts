import {
  burnCpu,
  eventually,
  startRedisCluster,
  startProxy,
  startRedis,
  startRedisSentinel,
  type Address,
  type RedisServer,
} from '@cache/testkit'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from 'redis-5'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  CacheError,
  createCacheClient,
  defineScript,
  type CacheClient,
  type Driver,
  type Reply,
} from '../../src/index.js'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../../src/drivers/node-redis/driver.js'
import { answer, on, recovered } from './clients.js'

/** A driver, and a function that closes its client. */
interface Made extends AsyncDisposable {
  readonly driver: Driver
}

interface Library {
  readonly name: string
  standalone(url: string, options?: object): Made
  sentinel(name: string, sentinels: readonly Address[]): Made
  cluster(nodes: readonly Address[]): Made
}

const places = (nodes: readonly Address[]): { host: string; port: number }[] =>
  nodes.map(({ host, port }) => ({ host, port }))
const soon = (): number => 50

function ioredis(name: string, lib: { Redis: typeof Redis; Cluster: typeof Cluster }): Library {
  const made = (client: Redis | Cluster): Made => {
    client.on('error', () => undefined)
    const driver = ioredisDriver(client)
    return {
      driver,
      async [Symbol.asyncDispose]() {
        await driver.close()
        client.disconnect()
      },
    }
  }
  return {
    name,
    standalone: (url, options) => made(new lib.Redis(url, { retryStrategy: soon, ...options })),
    sentinel: (group, sentinels) =>
      made(
        new lib.Redis({
          name: group,
          sentinels: places(sentinels),
          sentinelRetryStrategy: soon,
          retryStrategy: soon,
        }),
      ),
    cluster: (nodes) => made(new lib.Cluster(places(nodes), { clusterRetryStrategy: soon })),
  }
}

function nodeRedis(
  name: string,
  lib: {
    createClient: typeof createClient
    createSentinel: typeof createSentinel
    createCluster: typeof createCluster
  },
): Library {
  const made = (
    client: Parameters<typeof nodeRedisDriver>[0] & {
      on(event: 'error', listener: () => void): unknown
      destroy(): unknown
    },
  ): Made => {
    client.on('error', () => undefined)
    const driver = nodeRedisDriver(client)
    return {
      driver,
      async [Symbol.asyncDispose]() {
        await driver.close()
        try {
          await client.destroy()
        } catch {
          /* it was closed already */
        }
      },
    }
  }
  const socket = { reconnectStrategy: soon }
  return {
    name,
    standalone: (url, options) => made(lib.createClient({ url, socket, ...options })),
    sentinel: (group, sentinels) =>
      made(
        lib.createSentinel({
          name: group,
          sentinelRootNodes: places(sentinels),
          nodeClientOptions: { socket },
          sentinelClientOptions: { socket },
        }),
      ),
    cluster: (nodes) =>
      made(
        lib.createCluster({
          rootNodes: places(nodes).map((address) => ({ socket: address })),
          defaults: { socket },
        }),
      ),
  }
}

const current = [
  ioredis('ioredis', { Redis, Cluster }),
  nodeRedis('node-redis', { createClient, createSentinel, createCluster }),
]
const former = [
  ioredis('ioredis 5', { Redis: Redis5, Cluster: Cluster5 } as never),
  nodeRedis('node-redis 5', {
    createClient: createClient5,
    createSentinel: createSentinel5,
    createCluster: createCluster5,
  } as never),
]
const all = [...current, ...former]

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
beforeAll(() => void process.on('unhandledRejection', note).on('uncaughtException', note))
afterAll(() => void process.off('unhandledRejection', note).off('uncaughtException', note))
afterEach(() => expect(unhandled.splice(0)).toEqual([]))

const PATIENCE = { within: 30_000 }
const codeOf = (reply: Reply | CacheError): string =>
  reply instanceof CacheError ? reply.code : 'answered'

describe.each(all)('over $name', ({ standalone }) => {
  it('a half-open connection, whose peer vanished without notice, is replaced', async () => {
    await using server = await startRedis()
    await using proxy = await startProxy(server)
    await using made = standalone(proxy.url)
    const client = createCacheClient(made.driver)
    await recovered(made.driver)
    proxy.halfOpen()
    await eventually(
      async () => codeOf(await answer(made.driver, on('k', 'GET', 'k'), 100)) === 'answered',
      PATIENCE,
    )
    expect(await client.send(on('k', 'SET', 'k', 'v'))).toBe('OK')
    await client.close()
  })

  it('a connection to a demoted primary is replaced, for writes and reads', async () => {
    await using former = await startRedis()
    await using next = await startRedis()
    await next.cli('REPLICAOF', former.host, String(former.port))
    await using address = await startProxy(former)
    await using made = standalone(address.url)
    await recovered(made.driver)
    await eventually(
      async () => (await next.cli('INFO', 'replication')).includes('master_link_status:up'),
      PATIENCE,
    )
    // The connections of the clients stay open. They lead to the old primary, which is a replica
    // now.
    address.retarget(next)
    await next.cli('REPLICAOF', 'NO', 'ONE')
    await former.cli('REPLICAOF', next.host, String(next.port))
    await eventually(
      async () => (await answer(made.driver, on('k', 'SET', 'k', 'new'), 500)) === 'OK',
      PATIENCE,
    )
    expect(await next.cli('GET', 'k')).toBe('new')
  })

  it('a process that only reads leaves a demoted primary, too', async () => {
    await using former = await startRedis()
    await using next = await startRedis()
    for (const server of [former, next])
      await server.cli('SET', 'who', server === next ? 'next' : 'former')
    await using address = await startProxy(former)
    await using made = standalone(address.url)
    await recovered(made.driver)
    expect(await answer(made.driver, on('who', 'GET', 'who'))).toBe('former')
    address.retarget(next)
    // It is a replica of a server that is gone, so its data does not change.
    await former.cli('REPLICAOF', '127.0.0.1', '1')
    await eventually(
      async () => (await answer(made.driver, on('who', 'GET', 'who'), 500)) === 'next',
      PATIENCE,
    )
  })
})

describe.each(current)('over $name', ({ name, standalone }) => {
  it('a caller that gives up early opens no circuit of a server that answers', async () => {
    await using server = await startRedis()
    await using proxy = await startProxy(server)
    await using made = standalone(proxy.url)
    const client = createCacheClient(made.driver)
    await recovered(made.driver)
    // A reply that has arrived when a busy process reads it counts, although the timer is late.
    proxy.delay(300)
    const hasty = async (): Promise<string> =>
      codeOf(
        await client.send(on('k', 'GET', 'k'), { timeout: 20 }).catch((error: CacheError) => error),
      )
    for (let round = 0; round < 30; round++)
      expect(await Promise.all([hasty(), hasty()])).toEqual(['TIMEOUT', 'TIMEOUT'])
    for (let i = 0; i < 8; i++)
      expect(await client.send(on('k', 'GET', 'k'), { timeout: 20_000 })).toBeNull()
    expect(made.driver.silentFor!('')).toBe(0)
    await client.close()
  })

  it('a busy process does not take replies for missing: it reads all of them first', async () => {
    await using server = await startRedis()
    await using made = standalone(server.url)
    await recovered(made.driver)
    for (let burst = 0; burst < 5; burst++) {
      const replies = Array.from({ length: 20 }, () => answer(made.driver, on('k', 'GET', 'k'), 50))
      burnCpu(300)
      expect(new Set((await Promise.all(replies)).map(codeOf))).toEqual(new Set(['answered']))
    }
  })

  it('many drivers of one client add one listener per event, and remove it', async () => {
    await using server = await startRedis()
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const shared =
      name === 'ioredis' ? new Redis(server.url) : await createClient({ url: server.url }).connect()
    shared.on('error', () => undefined)
    const make = (): CacheClient =>
      createCacheClient(shared instanceof Redis ? ioredisDriver(shared) : nodeRedisDriver(shared))
    const count = (): number =>
      ['error', 'ready', 'close', 'end'].reduce(
        (sum, event) => sum + shared.listenerCount(event),
        0,
      )
    const before = count()
    const clients = Array.from({ length: 20 }, make)
    await Promise.all(clients.map((client) => client.send(on('k', 'GET', 'k'))))
    expect(count() - before).toBeLessThanOrEqual(6)
    await Promise.all(clients.map((client) => client.close()))
    for (let i = 0; i < 50; i++) await make().close()
    expect(count()).toBe(before)
    expect(warnings.filter((warning) => warning.name.startsWith('MaxListeners'))).toEqual([])
    process.off('warning', onWarning)
    if (shared instanceof Redis) shared.disconnect()
    else shared.destroy()
  })
})

describe('options of a client that matter for a new connection', () => {
  it('an ioredis client that does not reconnect survives a server that hangs', async () => {
    await using server = await startRedis()
    for (const library of [all[0]!, all[2]!]) {
      await using made = library.standalone(server.url, { retryStrategy: null })
      await recovered(made.driver)
      await server.pause()
      expect(codeOf(await answer(made.driver, on('k', 'GET', 'k'), 3_500))).toBe('TIMEOUT')
      await server.resume()
      await recovered(made.driver)
    }
  })

  it('the commandTimeout of an ioredis client hides no half-open connection', async () => {
    await using server = await startRedis()
    await using proxy = await startProxy(server)
    await using made = current[0]!.standalone(proxy.url, { commandTimeout: 200 })
    await recovered(made.driver)
    proxy.halfOpen()
    await eventually(
      async () => codeOf(await answer(made.driver, on('k', 'GET', 'k'), 1_000)) === 'answered',
      PATIENCE,
    )
  })

  it('the duplicate of a node-redis client uses the selected database', async () => {
    await using server = await startRedis()
    for (const make of [createClient, createClient5 as unknown as typeof createClient]) {
      await using proxy = await startProxy(server)
      const raw = make({ url: `${proxy.url}/2`, socket: { reconnectStrategy: soon } })
      raw.on('error', () => undefined)
      const driver = nodeRedisDriver(raw)
      await recovered(driver)
      await raw.select(3)
      await raw.set('which', 'three')
      // The driver asks for the role once per second. After two seconds, it was certainly asked
      // after the change.
      const asked = async (): Promise<number> =>
        Number(
          /cmdstat_client\|info:calls=(\d+)/.exec(await server.cli('INFO', 'commandstats'))?.[1] ??
            0,
        )
      const before = await asked()
      await eventually(async () => {
        await answer(driver, on('which', 'GET', 'which'))
        return (await asked()) >= before + 2
      }, PATIENCE)
      proxy.halfOpen()
      await eventually(
        async () => (await answer(driver, on('which', 'GET', 'which'), 300)) === 'three',
        PATIENCE,
      )
      await driver.close()
      raw.destroy()
    }
  })

  it('unsent commands of a node-redis Cluster are not executed after they failed', async () => {
    await using redis = await startRedisCluster({
      primaries: 3,
      config: { 'cluster-require-full-coverage': 'no', 'cluster-node-timeout': '60000' },
    })
    for (const library of [all[1]!, all[3]!]) {
      await using made = library.cluster(redis.addresses)
      await recovered(made.driver, 'k')
      const out = redis.primaries.find(
        ({ host, port }) => `${host}:${port}` === made.driver.nodeOf!('k'),
      )!
      await out.kill()
      // This waits until the client has noticed. Commands that were written before that may have
      // been executed.
      await eventually(
        async () => codeOf(await answer(made.driver, on('k', 'GET', 'k'), 200)) !== 'answered',
        PATIENCE,
      )
      expect(codeOf(await answer(made.driver, on('k', 'SET', 'k', library.name), 300))).not.toBe(
        'answered',
      )
      await out.restart()
      await recovered(made.driver, 'k')
      expect(await answer(made.driver, on('k', 'GET', 'k'))).not.toBe(library.name)
    }
  }, 60_000)
})

describe('over ioredis with auto-pipelining', () => {
  it('everything works as without it', async () => {
    await using server = await startRedis()
    await using made = current[0]!.standalone(server.url, { enableAutoPipelining: true })
    const client = createCacheClient(made.driver)
    const script = defineScript({
      name: 'both',
      lua: "return redis.call('INCR', KEYS[1])",
      parse: Number,
    })
    expect(await client.send(on('k', 'SET', 'k', 'v'))).toBe('OK')
    expect(
      await Promise.all([
        client.send({ ...on('k', 'GET', 'k'), binary: true }),
        client.run(script, ['n'], []),
        client.run(script, ['n'], []),
      ]),
    ).toEqual([Buffer.from('v'), 1, 2])
    await client.close()
  })

  it('on a Cluster as well', async () => {
    await using redis = await startRedisCluster({ primaries: 3 })
    const raw = new Cluster(places(redis.addresses), { enableAutoPipelining: true })
    const client = createCacheClient(ioredisDriver(raw))
    for (const key of ['a', 'b', 'c', 'd'])
      expect(await client.send(on(key, 'SET', key, key))).toBe('OK')
    expect(
      (
        await Promise.all(
          ['a', 'b', 'c', 'd'].map((key) => client.send({ ...on(key, 'GET', key), binary: true })),
        )
      ).map(String),
    ).toEqual(['a', 'b', 'c', 'd'])
    await client.close()
    raw.disconnect()
  })
})

describe('a script that runs on a replica', () => {
  it('fails as a whole, so that the client sees the READONLY and can reconnect', async () => {
    await using server = await startRedis()
    await server.cli('REPLICAOF', '127.0.0.1', '1')
    const write = defineScript({
      name: 'write',
      lua: "return redis.call('SET', KEYS[1], ARGV[1])",
      parse: String,
    })
    for (const calls of [
      ['1', 'k', 'v', '1'],
      ['2', 'k1', 'k2', 'v', '=', '2'],
    ]) {
      const reply = await server
        .cli('EVAL', write.source, ...calls)
        .catch((error: Error) => error.message)
      expect(reply).toContain('READONLY')
      expect(reply).not.toContain('\n')
    }
  })
})

// In a short run, each topology is tested with one library; in a long one, with all.
const sampled = process.env.CHAOS ? all : [all[0]!, all[3]!]

describe.each(sampled)(
  'a primary that hangs and is replaced, over $name',
  ({ sentinel, cluster }) => {
    it('is left within seconds of the promotion: Sentinel', async () => {
      await using redis = await startRedisSentinel({ replicas: 1, sentinels: 1, downAfter: 1_000 })
      await using made = sentinel(redis.name, redis.addresses)
      await recovered(made.driver)
      const hung = redis.primary
      await hung.pause()
      try {
        await eventually(
          async () => (await answer(made.driver, on('k', 'SET', 'k', 'v'), 300)) === 'OK',
          { within: 60_000 },
        )
      } finally {
        await hung.resume()
      }
    }, 120_000)

    it('is left within seconds of the promotion: Cluster', async () => {
      await using redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
      await using made = cluster(redis.addresses)
      await recovered(made.driver, 'k')
      const hung = redis.primaries.find(
        ({ host, port }) => `${host}:${port}` === made.driver.nodeOf!('k'),
      ) as unknown as RedisServer
      await hung.pause()
      try {
        await eventually(
          async () => (await answer(made.driver, on('k', 'SET', 'k', 'v'), 300)) === 'OK',
          { within: 60_000 },
        )
        expect(made.driver.nodeOf!('k')).not.toBe(`${hung.host}:${hung.port}`)
      } finally {
        await hung.resume()
      }
    }, 120_000)
  },
)

describe.each(process.env.CHAOS ? all : [all[3]!])(
  'a primary that dies and is replaced, over $name',
  ({ cluster }) => {
    it('its keys are available again while it stays down', async () => {
      await using redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
      await using made = cluster(redis.addresses)
      await recovered(made.driver, 'k')
      const dead = redis.primaries.find(
        ({ host, port }) => `${host}:${port}` === made.driver.nodeOf!('k'),
      )!
      await dead.kill()
      await eventually(
        async () => (await answer(made.driver, on('k', 'SET', 'k', 'v'), 300)) === 'OK',
        { within: 60_000 },
      )
    }, 120_000)
  },
)

// What the page "Compare" says about libraries that have no guide of their own.
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createAside } from '@cache/aside'
import { createLocks } from '@cache/lock'
import { createKeyv } from '@keyv/redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Verrou } from '@verrou/core'
import { redisStore } from '@verrou/core/drivers/redis'
import { createCache } from 'async-cache-dedupe'
import { Cacheable } from 'cacheable'
import { Redis } from 'ioredis'
import { Loader, RedisCache } from 'layered-loader'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let redis: RedisServer
beforeEach(async () => void (redis = await startRedis()))
afterEach(() => redis.stop())

interface Cache {
  get(load: () => Promise<string>): Promise<unknown>
  invalidate(): Promise<unknown>
  close(): Promise<unknown>
}

const caches: Record<string, (url: string) => Cache> = {
  cacheable(url) {
    const cache = new Cacheable({ primary: createKeyv(url), ttl: 60_000 })
    return {
      get: (load) => cache.getOrSet('1', load),
      invalidate: () => cache.delete('1'),
      close: () => cache.disconnect(),
    }
  },
  'layered-loader'(url) {
    const connection = new Redis(url)
    let load = async () => ''
    const loader = new Loader<string>({
      asyncCache: new RedisCache<string>(connection, {
        json: true,
        ttlInMsecs: 60_000,
        prefix: 'layered',
      }),
      dataSourceGetOneFn: () => load(),
    })
    return {
      get(loads) {
        load = loads
        return loader.get('1')
      },
      invalidate: () => loader.invalidateCacheFor('1'),
      close: async () => connection.disconnect(),
    }
  },
  'async-cache-dedupe'(url) {
    const client = new Redis(url)
    let load = async () => ''
    // Its types are those of one major of ioredis; it works with both.
    const storage = { type: 'redis', options: { client: client as never } } as const
    const cache = createCache({ ttl: 60, storage }).define('product', (_id: number) => load())
    return {
      get(loads) {
        load = loads
        return cache.product(1)
      },
      invalidate: () => cache.clear('product', 1) as Promise<void>,
      close: async () => client.disconnect(),
    }
  },
  '@cache/aside'(url) {
    const connection = new Redis(url)
    const client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
    const cache = createAside<string>({ client, prefix: 'product', ttl: '1m' })
    return {
      get: (load) => cache.getOrLoad(1, load),
      invalidate: () => cache.invalidate(1),
      async close() {
        await client.close()
        connection.disconnect()
      },
    }
  },
}
const peers = Object.keys(caches).filter((name) => !name.startsWith('@cache/'))

async function readAfterStaleFill(open: (url: string) => Cache): Promise<unknown> {
  const [reader, writer] = [open(redis.url), open(redis.url)]
  let value = 'old'
  let [release, loaded] = [() => undefined as void, () => undefined as void]
  const held = new Promise<void>((resolve) => (release = resolve))
  const began = new Promise<void>((resolve) => (loaded = resolve))
  const reading = reader.get(async () => {
    const row = value
    loaded()
    await held
    return row
  })
  await began
  value = 'new'
  await writer.invalidate()
  release()
  await reading
  const read = await writer.get(async () => value)
  await reader.close()
  await writer.close()
  return read
}

async function loadsOfColdKey(open: (url: string) => Cache): Promise<number> {
  const instances = Array.from({ length: 4 }, () => open(redis.url))
  let loads = 0
  let last!: () => void
  const all = new Promise<void>((resolve) => (last = resolve))
  const load = async () => {
    if (++loads === instances.length) last()
    await Promise.race([all, sleep(1_000)])
    return 'value'
  }
  await Promise.all(instances.flatMap(({ get }) => [get(load), get(load)]))
  for (const { close } of instances) await close()
  return loads
}

describe('caches', () => {
  it.each(peers)('%s serves a value that was loaded before an invalidation', async (name) => {
    expect(await readAfterStaleFill(caches[name]!)).toBe('old')
  })

  it('@cache/aside does not', async () => {
    expect(await readAfterStaleFill(caches['@cache/aside']!)).toBe('new')
  })

  it.each(peers)('%s loads a cold key once in each process', async (name) => {
    expect(await loadsOfColdKey(caches[name]!)).toBe(4)
  })

  it('@cache/aside loads it once in all processes', async () => {
    expect(await loadsOfColdKey(caches['@cache/aside']!)).toBe(1)
  })
})

describe('locks', () => {
  it('work that takes longer than its ttl overlaps in @verrou/core, and not in ours', async () => {
    const connection = new Redis(redis.url)
    const verrou = new Verrou({
      default: 'redis',
      stores: { redis: { driver: redisStore({ connection }) } },
    })
    const client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
    const locks = createLocks({ client, ttl: '200ms' })
    const overlap = async (run: (work: () => Promise<void>) => Promise<unknown>) => {
      let [running, most] = [0, 0]
      const work = async () => {
        most = Math.max(most, ++running)
        await sleep(1_000)
        running--
      }
      await Promise.allSettled([run(work), run(work)])
      return most
    }
    expect(await overlap((work) => verrou.createLock('job', 200).run(work))).toBe(2)
    expect(await overlap((work) => locks.withLock('job', work))).toBe(1)
    await client.close()
    connection.disconnect()
  })
})

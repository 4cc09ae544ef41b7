import { canSetClock, startRedis, startRedisCluster, type RedisOptions } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { allKeys, Clients, keysWithoutTtl } from './clients.js'
import { HOUR, incrementalInstance, lifetime, now, page, UseCacheInstance } from './entries.js'

describe('tags', () => {
  const clients = new Clients()
  const stops: (() => unknown)[] = []
  afterEach(async () => {
    await clients.end()
    for (const stop of stops.splice(0)) await stop()
  })

  async function start(options: RedisOptions = {}) {
    const server = await startRedis(options)
    stops.push(() => server.stop())
    const client = () => clients.create('ioredis', server.url)
    return { server, client }
  }

  it('a lost state makes the entries of a tag invalid, never valid', async () => {
    const { server, client } = await start()
    const [one, other] = [client(), client()].map((each) => new UseCacheInstance({ client: each }))
    await one!.set('key', 'old', { tags: ['a'] })
    await other!.handler.updateTags(['a'])
    await server.cli('DEL', 'shop:next:tag:a')
    expect(await one!.get('key')).toBeUndefined()
    // Another entry makes the state anew.
    await one!.set('another', 'text', { tags: ['a'] })
    expect(await one!.get('key')).toBeUndefined()
    expect(await other!.get('another')).toBe('text')
  })

  it('states end with the entries that need them', async () => {
    const { server, client } = await start()
    const one = new UseCacheInstance({ client: client(), maxTtl: '1h' })
    for (let i = 0; i < 50; i++) {
      await one.set(`key ${i}`, 'text', { tags: [`a${i}`], expire: 600 })
      await one.handler.updateTags([`b${i}`, `_N_T_/c${i}`])
    }
    const admin = client()
    expect(await keysWithoutTtl(admin)).toEqual([])
    const ttl = async (tag: string) => Number(await server.cli('PTTL', `shop:next:tag:${tag}`))
    expect(await ttl('a7')).toBeLessThanOrEqual(660_000)
    expect(await ttl('a7')).toBeGreaterThan(500_000)
    // A soft tag is needed for as long as any entry may live that does not carry it.
    expect(await ttl('_N_T_/c7')).toBeGreaterThan(HOUR * 1_000)
    // A longer entry prolongs the life of a state, a shorter one does not cut it.
    await one.set('long', 'text', { tags: ['a7'], expire: 1_200 })
    await one.set('short', 'text', { tags: ['a7'], expire: 300 })
    expect(await ttl('a7')).toBeGreaterThan(1_100_000)
    expect((await allKeys(admin)).filter((key) => key.includes(':tag:'))).toHaveLength(150)
  })

  it('a text of another program is no state', async () => {
    const { server, client } = await start()
    const one = new UseCacheInstance({ client: client() })
    for (const text of ['', 'yes', '1 2 3', '1 2 3 4 5', '-1 2 3 4', '1 2 3 99999999999999999']) {
      await one.set('key', 'text', { tags: ['a'] })
      await server.cli('SET', 'shop:next:tag:a', text)
      expect(await one.get('key'), text).toBeUndefined()
    }
    await server.cli('DEL', 'shop:next:tag:a')
    await server.cli('LPUSH', 'shop:next:tag:a', 'x')
    await one.set('key', 'text', { tags: ['a'] })
    expect(await one.get('key')).toBe('text')
    await one.handler.updateTags(['a'])
    expect(await one.get('key')).toBeUndefined()
  })

  it('an invalidation that Redis has no memory for is reported', async () => {
    const { server, client } = await start()
    const one = new UseCacheInstance({ client: client() })
    await one.set('key', 'text', { tags: ['a'] })
    await server.fill()
    await expect(one.handler.updateTags(['a', '_N_T_/a'])).rejects.toThrow()
    expect(await one.get('key')).toBeUndefined()
    await server.empty()
    await one.set('key', 'text', { tags: ['a'] })
    expect(await one.get('key')).toBe('text')
  })

  it.runIf(canSetClock())('nothing is stale after the clock of Redis was set', async () => {
    const { server, client } = await start({ clock: true })
    const one = new UseCacheInstance({ client: client() })
    const other = new UseCacheInstance({ client: client() })
    for (const [before, during] of [
      [0, -60_000],
      [0, 60_000],
      [-60_000, 60_000],
      [60_000, -60_000],
    ]) {
      await server.setClock(before!)
      await one.set('key', 'old', { tags: ['a'] })
      await one.get('filled', [])
      const began = now()
      await server.setClock(during!)
      await other.handler.updateTags(['a'])
      await one.set('filled', 'stale', { tags: ['a'], timestamp: began })
      await server.setClock(before!)
      for (const key of ['key', 'filled']) {
        expect(await one.get(key), key).toBeUndefined()
        expect(await other.get(key), key).toBeUndefined()
      }
      await server.cli('FLUSHALL')
    }
  })

  it.runIf(canSetClock())('expired entries stay expired if the clock is set back', async () => {
    const { server, client } = await start({ clock: true })
    const one = new UseCacheInstance({ client: client() })
    for (const durations of [undefined, { expire: 0 }, { expire: -1 }]) {
      await one.set('key', 'old', { tags: ['a'] })
      await one.handler.updateTags(['a'], durations)
      expect(await one.get('key')).toBeUndefined()
      await server.setClock(-60_000)
      expect(await one.get('key')).toBeUndefined()
      await server.setClock(0)
      await server.cli('FLUSHALL')
    }
  })

  it.runIf(canSetClock())('an entry of unknown age is stale', async () => {
    const { server, client } = await start({ clock: true })
    const one = new UseCacheInstance({ client: client() })
    const pages = incrementalInstance({ client: client() })
    await one.set('key', 'old')
    await pages().set('/p', page('old'), { cacheControl: lifetime })
    await server.setClock(-24 * HOUR * 1_000)
    expect(await one.look('key')).toEqual({ text: 'old', isStale: true })
    const stale = (await pages().get('/p', { kind: 'APP_PAGE', isFallback: false }))!
    expect(now() - stale.lastModified).toBeGreaterThan(1_000)
    await one.set('key', 'new')
    expect(await one.look('key')).toEqual({ text: 'new', isStale: false })
  })

  it('works on a Cluster, where tags and entries are on different nodes', async () => {
    const cluster = await startRedisCluster()
    stops.push(() => cluster.stop())
    const connect = () => {
      const redis = new Cluster([...cluster.addresses])
      stops.unshift(() => redis.disconnect())
      return createCacheClient(ioredisDriver(redis), {
        namespace: 'shop',
        resilience: { readTimeout: '5s', writeTimeout: '5s' },
      })
    }
    const [one, other] = [connect(), connect()].map((client) => ({
      data: new UseCacheInstance({ client }),
      pages: incrementalInstance({ client }),
    }))
    const tags = Array.from({ length: 20 }, (_, i) => `tag ${i}`)
    const forPage = { kind: 'APP_PAGE', isFallback: false }
    for (const tag of tags) {
      // A load that began within a round trip of the revalidation may not be stored.
      const stored = async () => {
        await one!.data.set('key', tag, { tags })
        await one!.pages().set('/p', page(tag, tags), { cacheControl: lifetime })
        return other!.data.get('key')
      }
      await expect.poll(stored, { timeout: 10_000 }).toBe(tag)
      await other!.data.handler.updateTags([tag])
      expect(await one!.data.get('key')).toBeUndefined()
      expect(await one!.pages().get('/p', forPage)).toBeNull()
    }
  })
})

import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { canSetClock, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { createVersioned } from '../src/index.js'

const connections: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

interface Row {
  readonly group: string
  readonly value: number
}

describe.each(Object.keys(connections))('over %s', (name) => {
  async function withClient(
    url: string,
    test: (client: CacheClient) => Promise<void>,
  ): Promise<void> {
    const { driver, end } = connections[name]!(url)
    const client = createCacheClient(driver, {
      resilience: { readTimeout: '20s', writeTimeout: '20s' },
    })
    await test(client)
    await client.close()
    end()
  }

  it.skipIf(!canSetClock())(
    'a bump during a load is not taken for an earlier one if the server’s clock is set back',
    async () => {
      await using server = await startRedis({ clock: true })
      await server.setClock(-60_000)
      await withClient(server.url, async (client) => {
        let row: Row = { group: 'g', value: 1 }
        let loaded: Promise<unknown> | undefined
        const cache = createVersioned({
          client,
          prefix: 'p',
          ttl: '1h',
          load: async (_: number) => {
            const current = row
            await loaded
            return current
          },
          groups: (_, value) => value && [value.group],
        })
        await cache.versions(['g'])
        await server.setClock(0)
        let go = (): void => undefined
        let begun = false
        loaded = new Promise<void>((resolve) => {
          go = resolve
        })
        const slow = createVersioned({
          client,
          prefix: 'p',
          ttl: '1h',
          load: async (_: number) => {
            const current = row
            begun = true
            await loaded
            return current
          },
          groups: (_, value) => value && [value.group],
        })
        const reading = slow.get(1)
        await expect.poll(() => begun, { timeout: 10_000 }).toBe(true)
        await server.setClock(-5_000)
        row = { group: 'g', value: 2 }
        await cache.bump('g')
        go()
        loaded = undefined
        await reading
        expect(await cache.get(1)).toEqual({ group: 'g', value: 2 })
      })
    },
  )

  it('a full server accepts bumps and invalidations, and crashed changes end in time', async () => {
    await using server = await startRedis()
    await withClient(server.url, async (client) => {
      let value = 1
      const cache = createVersioned({
        client,
        prefix: 'p',
        ttl: '1h',
        load: async (_: number) => value,
        groups: () => ['g'],
        intentTtl: 200,
      })
      for (const change of [
        () => cache.bump('g'),
        () => cache.invalidate(1),
        () => cache.mutateGroups('g', () => undefined),
        () => cache.mutate(1, () => undefined),
      ]) {
        await cache.get(1)
        await server.fill()
        value++
        await change()
        expect(await cache.get(1)).toBe(value)
        await server.empty()
      }
    })
  })
})

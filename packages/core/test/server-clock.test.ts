import { canSetClock, startRedis, type RedisServer } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCacheClient, type CacheClient } from '../src/index.js'
import { createFormat, createToken } from '../src/internal.js'
import { flavours, type Made } from './drivers/clients.js'

const format = createFormat<string>()
const HOUR = 3_600_000

describe.skipIf(!canSetClock()).each(flavours)(
  'over $name, after a change of the server’s clock',
  ({ standalone }) => {
    let server: RedisServer
    let made: Made
    let client: CacheClient
    beforeEach(async () => {
      server = await startRedis({ clock: true })
      made = standalone(server.url)
      client = createCacheClient(made.driver, {
        resilience: { readTimeout: '20s', writeTimeout: '20s' },
      })
    })
    afterEach(async () => {
      await client.close()
      await made[Symbol.asyncDispose]()
      await server.stop()
    })

    const lease = async (ttl = 300) =>
      (await client.entries.lease('k', format, { token: createToken(), ttl })).status
    const pollOptions = { timeout: 10_000 }

    it('back by an hour: a dead writer blocks fills for its ttl, not for an hour', async () => {
      await client.entries.beginWrite(['k'], createToken(), 300)
      await server.setClock(-HOUR)
      expect(await lease()).toBe('bypass')
      await expect.poll(lease, pollOptions).toBe('leased')
    })

    it('back by an hour: a dead load blocks others for its ttl, not for an hour', async () => {
      expect(await lease()).toBe('leased')
      await server.setClock(-HOUR)
      expect(await lease()).toBe('wait')
      await expect.poll(lease, pollOptions).toBe('leased')
    })

    it('back by an hour: a skipped value is forgotten', async () => {
      const token = createToken()
      await client.entries.lease('k', format, { token, ttl: HOUR })
      await client.entries.release('k', token, 300)
      await server.setClock(-HOUR)
      expect(await lease()).toBe('skip')
      await expect.poll(lease, pollOptions).toBe('leased')
    })

    it.each([-HOUR, HOUR])(
      'by %i ms: a value loaded before an acknowledged write is not stored after it',
      async (step) => {
        await client.entries.put('k', format, 'old', { ttl: 2 * HOUR })
        await client.entries.beginWrite(['k'], 'writer', 60_000)
        await server.setClock(step)
        const token = createToken()
        const { status } = await client.entries.lease('k', format, {
          token,
          ttl: 60_000,
          staleBelow: 'all',
        })
        await client.entries.commitWrite('k', 'writer', { format, value: 'new', ttl: 60_000 })
        if (status === 'leased')
          expect(await client.entries.fill('k', format, token, 'old', { ttl: 60_000 })).toBe(false)
        expect(['new', undefined]).toContain((await client.entries.read('k', format))?.value)
        expect(status).toBe(step > 0 ? 'leased' : 'bypass')
      },
    )

    it('back by an hour: writers that overlap across the change are detected', async () => {
      await client.entries.beginWrite(['k'], 'a', 60_000)
      await server.setClock(-HOUR)
      await client.entries.beginWrite(['k'], 'b', 60_000)
      expect(await client.entries.commitWrite('k', 'b', { format, value: 'b', ttl: 60_000 })).toBe(
        'deleted',
      )
      expect(await client.entries.commitWrite('k', 'a', { format, value: 'a', ttl: 60_000 })).toBe(
        'deleted',
      )
      await client.entries.beginWrite(['k'], 'c', 60_000)
      expect(await client.entries.commitWrite('k', 'c', { format, value: 'c', ttl: 60_000 })).toBe(
        'stored',
      )
    })
  },
)

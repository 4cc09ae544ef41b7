import { InvalidOptionError, createCacheClient, type CacheDefaults } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { describe, expect, it } from 'vitest'
import { createAside, createReadThrough } from '../src/index.js'
import { onEach } from './cases.js'

onEach(({ newClient, ask }) => {
  const KEY = 'shop:text:1'
  const never = (options = {}) =>
    createAside<string>({ client: newClient(), prefix: 'text', ttl: 'never', ...options })
  const lifeOf = async (key = KEY): Promise<number> => (await ask('PTTL', key)) as number

  describe("the ttl 'never'", () => {
    it('stores loaded and set values without an expiry', async () => {
      const texts = never({ jitter: 0.5 })
      await texts.getOrLoad(1, () => 'loaded')
      expect(await lifeOf()).toBe(-1)
      await texts.set(1, 'set')
      expect(await lifeOf()).toBe(-1)
      await texts.refresh(1, () => 'refreshed')
      expect(await lifeOf()).toBe(-1)
      expect(await never().getOrLoad(1, () => 'loaded again')).toBe('refreshed')
    })

    it('is overridden by the ttl of a call, of a value, and of its absence', async () => {
      const texts = never({ negativeTtl: '1h', version: () => 1 })
      await texts.set(1, 'set', { ttl: '1h' })
      expect(await lifeOf()).toBeGreaterThan(3_000_000)
      await texts.refresh(1, ({ ttl }) => {
        ttl('2h')
        return 'refreshed'
      })
      expect(await lifeOf()).toBeGreaterThan(6_000_000)
      await texts.getOrLoad(2, () => null)
      expect(await lifeOf('shop:text:2')).toBeGreaterThan(3_000_000)
    })

    it('can be the ttl of a call, of a value, or of a load', async () => {
      const texts = createAside<string>({
        client: newClient(),
        prefix: 'text',
        ttl: (value) => (value === 'for ever' ? 'never' : '1h'),
      })
      await texts.set(1, 'for now', { ttl: 'never' })
      expect(await lifeOf()).toBe(-1)
      await texts.set(1, 'for now')
      expect(await lifeOf()).toBeGreaterThan(3_000_000)
      await texts.set(1, 'for ever')
      expect(await lifeOf()).toBe(-1)
      await texts.getOrLoad(2, ({ ttl }) => {
        ttl('never')
        return 'for now'
      })
      expect(await lifeOf('shop:text:2')).toBe(-1)
    })

    it('ends with expire: the entry is stale, and is reloaded', async () => {
      const texts = never({ staleWhileRevalidate: '1h', staleIfError: '1h' })
      await texts.getOrLoad(1, () => 'old')
      expect(await lifeOf()).toBe(-1)
      expect(await texts.getOrLoad(1, () => 'loaded again')).toBe('old')
      await texts.idle()
      expect(await texts.peek(1)).toBe('old')
      expect(await texts.expire(1)).toBe(1)
      expect(await lifeOf()).toBeGreaterThan(7_000_000)
      expect(await texts.getOrLoad(1, () => 'new')).toBe('old')
      await texts.idle()
      expect(await texts.peek(1)).toBe('new')
      expect(await lifeOf()).toBe(-1)

      const fresh = never()
      expect(await fresh.expire(1)).toBe(1)
      expect(await fresh.peek(1)).toBeUndefined()
    })

    it('is capped while the source changes, and by a process that dies meanwhile', async () => {
      const texts = never()
      await texts.getOrLoad(1, () => 'old')
      await texts.mutate(1, async () => {
        expect(await lifeOf()).toBeGreaterThan(0)
        expect(await lifeOf()).toBeLessThanOrEqual(5_000)
      })
      expect(await lifeOf()).toBe(-2)
      await texts.getOrLoad(1, () => 'old')
      const change = await texts.beginMutation(1, { intentTtl: '1m' })
      expect(await lifeOf()).toBeLessThanOrEqual(60_000)
      expect(await lifeOf()).toBeGreaterThan(5_000)
      await change.abort()
    })

    it('of a client is the default of its caches', async () => {
      const client = newClient({ defaults: { ttl: 'never' } })
      const rows = createReadThrough({ client, prefix: 'row', load: () => 'row' })
      await rows.get(1)
      expect(await lifeOf('shop:row:1')).toBe(-1)
    })
  })
})

describe("the ttl 'never', as an option", () => {
  const client = createCacheClient(memoryDriver())
  const create = (options: object) => () =>
    createAside<string>({ client, prefix: 'p', ttl: 'never', ...options })

  it('excludes earlyRefresh, which reloads before an expiry', () => {
    expect(create({ earlyRefresh: true })).toThrow(InvalidOptionError)
    expect(create({ earlyRefresh: { beta: 2 } })).toThrow('"earlyRefresh" must be false')
    expect(create({ earlyRefresh: false })).not.toThrow()
    const defaults: CacheDefaults = { ttl: 'never', earlyRefresh: true }
    expect(() => createCacheClient(memoryDriver(), { defaults })).toThrow('earlyRefresh')
  })

  it.each(['negativeTtl', 'errorTtl', 'staleIfError', 'staleWhileRevalidate', 'intentTtl'])(
    'is no value of %s',
    (name) => expect(create({ [name]: 'never' })).toThrow(`"${name}"`),
  )

  it('is spelt so', () => {
    for (const ttl of ['Never', 'forever', Infinity, -1])
      expect(create({ ttl })).toThrow("'1 hour' | 'never'")
  })
})

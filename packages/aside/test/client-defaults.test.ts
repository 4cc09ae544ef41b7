import type { CacheDefaults } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createAside, createReadThrough } from '../src/index.js'
import { onEach } from './cases.js'

onEach(({ newClient, ask }) => {
  describe('the defaults of a client', () => {
    it('apply to all of its caches', async () => {
      const client = newClient({ defaults: { ttl: '1h', staleIfError: '1h', negativeTtl: '10m' } })
      const texts = createAside<string>({ client, prefix: 'text' })
      const rows = createReadThrough({ client, prefix: 'row', load: () => null })
      await texts.getOrLoad(1, () => 'text')
      await rows.get(1)
      expect(await ask('PTTL', 'shop:text:1')).toBeGreaterThan(7_100_000)
      expect(await ask('PTTL', 'shop:text:1')).toBeLessThanOrEqual(7_200_000)
      expect(await ask('PTTL', 'shop:row:1')).toBeGreaterThan(4_100_000)
      expect(await ask('PTTL', 'shop:row:1')).toBeLessThanOrEqual(4_200_000)
      await texts.expire(1)
      expect(await texts.getOrLoad(1, () => Promise.reject(new Error('down')))).toBe('text')
    })

    it('are overridden by the options of a cache', async () => {
      const client = newClient({ defaults: { ttl: '1h', staleIfError: '1h', negativeTtl: '10m' } })
      const texts = createAside<string>({
        client,
        prefix: 'text',
        ttl: '1m',
        staleIfError: false,
        negativeTtl: false,
      })
      await texts.getOrLoad(1, () => 'text')
      await texts.getOrLoad(2, () => null)
      expect(await ask('PTTL', 'shop:text:1')).toBeLessThanOrEqual(60_000)
      expect(await texts.has(2)).toBe(false)
    })

    it('do not concern a cache that lacks the option', async () => {
      const client = newClient({ defaults: { staleIfError: '1h' } })
      expect(() => createAside({ client, prefix: 'text' })).toThrow('"ttl" must be a duration')
    })

    it.each<[string, object]>([
      ['defaults.ttl', { ttl: 0 }],
      ['defaults.jitter', { jitter: 2 }],
      ['defaults.staleIfError', { staleIfError: 'long' }],
      ['defaults.intentTtl', { intentTtl: -1 }],
      ['defaults.schema', { schema: undefined }],
      ['defaults', []],
    ])('are checked when the client is created: %s', (path, defaults) => {
      expect(() => newClient({ defaults: defaults as CacheDefaults })).toThrow(
        `Option "${path}" must be`,
      )
    })
  })
})

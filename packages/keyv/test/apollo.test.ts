import fc from 'fast-check'
import { PrefixingKeyValueCache, type KeyValueCache } from '@apollo/utils.keyvaluecache'
import { InvalidKeyError } from '@cache/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { createApolloCache } from '../src/apollo.js'
import { onEach, valueKeys } from './cases.js'

onEach((bench) => {
  const { newClient, ask } = bench
  describe('a KeyValueCache', () => {
    let cache: KeyValueCache
    beforeEach(() => {
      cache = createApolloCache({ client: newClient(), prefix: 'apollo', ttl: '1h' })
    })

    it('stores, reads and deletes texts', async () => {
      expect(await cache.get('a')).toBeUndefined()
      await cache.set('a', '{"data":"äöü 🍏"}')
      const elsewhere = createApolloCache({ client: newClient(), prefix: 'apollo' })
      expect(await elsewhere.get('a')).toBe('{"data":"äöü 🍏"}')
      expect(await ask('GET', 'shop:apollo:a')).toBe('{"data":"äöü 🍏"}')
      expect(await cache.delete('a')).toBe(true)
      expect(await cache.delete('a')).toBe(false)
      expect(await cache.get('a')).toBeUndefined()
    })

    it('takes a ttl in seconds; without one, that of the cache', async () => {
      await cache.set('a', '1', { ttl: 60 })
      const short = Number(await ask('PTTL', 'shop:apollo:a'))
      expect(short).toBeGreaterThan(1_000)
      expect(short).toBeLessThanOrEqual(60_000)
      for (const options of [undefined, {}, { ttl: null }]) {
        await cache.set('a', '1', options)
        expect(Number(await ask('PTTL', 'shop:apollo:a'))).toBeGreaterThan(60_000)
      }
    })

    it('a ttl of 0 stores nothing', async () => {
      await cache.set('a', 'old')
      await cache.set('a', 'new', { ttl: 0 })
      expect(await cache.get('a')).toBeUndefined()
      expect(await valueKeys(bench)).toEqual([])
    })

    it('a ttl that is not a number is that of the cache', async () => {
      await cache.set('a', '1', { ttl: NaN })
      expect(Number(await ask('PTTL', 'shop:apollo:a'))).toBeGreaterThan(60_000)
    })

    it('finds nothing for a key that no value can have, such as a very long URL', async () => {
      const key = `httpcache:GET https://example.com/?q=${'x'.repeat(9_000)}`
      expect(await cache.get(key)).toBeUndefined()
      await expect(cache.set(key, '1')).rejects.toThrow(InvalidKeyError)
    })

    it('stores texts of any characters', async () => {
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
          await cache.set('a', value)
          expect(await cache.get('a')).toBe(value)
        }),
        { numRuns: 50 },
      )
      for (let code = 0; code < 256; code++) {
        const value = `${String.fromCharCode(code)}\u0000\u0001`
        await cache.set('a', value)
        expect(await cache.get('a')).toBe(value)
      }
    })

    it('works with the prefixes that Apollo Server adds', async () => {
      const apq = new PrefixingKeyValueCache(cache, 'apq:')
      await apq.set('hash', 'query { me }')
      expect(await apq.get('hash')).toBe('query { me }')
      expect(await cache.get('hash')).toBeUndefined()
      expect(await cache.get('apq:hash')).toBe('query { me }')
    })

    it('says so if a value was not stored', async () => {
      const client = newClient()
      cache = createApolloCache({ client, prefix: 'apollo' })
      await client.entries.beginWrite(['shop:apollo:a'], 'another program', 60_000)
      await expect(cache.set('a', '1')).rejects.toMatchObject({ code: 'CONFLICT' })
    })
  })
})

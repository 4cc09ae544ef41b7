import { InvalidKeyError, channels, type Messages } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createAside } from '../src/index.js'
import { onEach } from './cases.js'

onEach(({ newClient, ask }) => {
  describe('keys', () => {
    it.each([
      '*',
      '{}',
      '{x}',
      '}',
      'a:b',
      '%',
      '😀',
      '__proto__',
      'constructor',
      '[a-z]',
      '..',
      ' ',
      'x'.repeat(2_000),
      'lease',
      'é'.normalize('NFD'),
    ])('accept %j as it is', async (id) => {
      const cache = createAside<string>({ client: newClient(), prefix: 'k', ttl: '1m' })
      expect(await cache.getOrLoad(id, () => `value of ${id}`)).toBe(`value of ${id}`)
      expect(await cache.peek(id)).toBe(`value of ${id}`)
      expect(await cache.getOrLoad('other', () => 'other')).toBe('other')
      expect(await cache.invalidate(id)).toBe(1)
      expect(await cache.peek('other')).toBe('other')
    })

    it.each([
      '',
      'a\nb',
      'a\0b',
      '\u007f',
      'x'.repeat(10_000),
      '\ud800',
      NaN,
      Infinity,
      {},
      null,
      undefined,
    ])('refuse %j before anything is sent or loaded', async (id) => {
      const cache = createAside<string>({ client: newClient(), prefix: 'k', ttl: '1m' })
      await expect(async () =>
        cache.getOrLoad(id as string, () => {
          throw new Error('not to be loaded')
        }),
      ).rejects.toBeInstanceOf(InvalidKeyError)
      await expect(async () => cache.invalidate(id as string)).rejects.toBeInstanceOf(
        InvalidKeyError,
      )
    })
  })

  describe('values under our keys', () => {
    it.each([
      ['half a JSON text', '{"id":'],
      ['nothing', ''],
      ['a frame cut off', '\x01'],
      ['a frame of a newer version', '\x01\xff{}'],
      ['noise', '\x00\x02\xfe'],
      ['a shape of old', '{"name":1}'],
    ])(
      'that are %s are a miss: they are reported, loaded anew and replaced',
      async (_, garbage) => {
        const reports: Messages['error'][] = []
        const listen = (message: unknown): void => {
          reports.push(message as Messages['error'])
        }
        channels.error.subscribe(listen)
        const cache = createAside<{ id: number }>({
          client: newClient(),
          prefix: 'v',
          ttl: '1m',
          schema: z.object({ id: z.number() }),
        })
        await ask('SET', 'shop:v:1', garbage)
        expect(await cache.getOrLoad(1, () => ({ id: 1 }))).toEqual({ id: 1 })
        expect(await cache.peek(1)).toEqual({ id: 1 })
        expect(reports.some(({ operation }) => operation === 'decode')).toBe(true)
        channels.error.unsubscribe(listen)
      },
    )

    it('of another type are replaced: the source answers, and its value is cached', async () => {
      const cache = createAside<number>({ client: newClient(), prefix: 'v', ttl: '1m' })
      await ask('RPUSH', 'shop:v:1', 'x')
      expect(await cache.getOrLoad(1, () => 5)).toBe(5)
      expect(await cache.getOrLoadMany([1], async () => [6])).toEqual([5])
      expect(await cache.invalidate(1)).toBe(1)
      expect(await cache.getOrLoad(1, () => 7)).toBe(7)
      expect(await cache.peek(1)).toBe(7)
    })

    it('of 50 MB are loaded and returned, and neither sent nor accepted', async () => {
      const giant = 'x'.repeat(50 * 1024 * 1024)
      const cache = createAside<string>({
        client: newClient({ resilience: { readTimeout: '20s' } }),
        prefix: 'v',
        ttl: '1m',
      })
      expect(await cache.getOrLoad(1, () => giant)).toHaveLength(giant.length)
      expect(await ask('EXISTS', 'shop:v:1')).toBe(0)
      await expect(cache.set(1, giant)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' })
      await ask(
        'EVAL',
        "return redis.call('SET', KEYS[1], string.rep('x', 50000000))",
        '1',
        'shop:v:2',
      )
      expect(await cache.getOrLoad(2, () => 'small')).toBe('small')
    })

    it('named __proto__ are data', async () => {
      const cache = createAside<Record<string, unknown>>({
        client: newClient(),
        prefix: 'v',
        ttl: '1m',
      })
      await ask(
        'SET',
        'shop:v:1',
        '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
      )
      const value = await cache.getOrLoad(1, () => ({}))
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect(({} as Record<string, unknown>).polluted).toBeUndefined()
      expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    })
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  InvalidKeyError,
  InvalidOptionError,
  glob,
  type CacheClient,
  type GlobPattern,
  type ScanOptions,
} from '../src/index.js'
import { beside, companion } from '../src/internal.js'
import { onEach } from './cases.js'

const RUNS = process.env.CHAOS ? 500 : 40

const hostile = [
  '*',
  '?',
  '[',
  ']',
  '[a-z]',
  '[^a]',
  '\\',
  '\\*',
  '\\\\',
  '^',
  '-',
  'a*',
  '*a',
  'a?c',
  'abc',
  '{x}',
  '%',
  'a:b',
  '**',
  '[]',
  '[\\]]',
  '😀',
  '__proto__',
]
const id = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({
    unit: fc.constantFrom('a', 'b', '*', '?', '[', ']', '\\', '^', '-', ':'),
    minLength: 1,
    maxLength: 5,
  }),
)

async function found(
  client: CacheClient,
  pattern: GlobPattern,
  options?: ScanOptions,
): Promise<string[]> {
  const keys: string[] = []
  for await (const batch of client.scan(pattern, options)) keys.push(...batch)
  return keys.sort()
}

const put = (client: CacheClient, keys: readonly string[]): Promise<unknown> =>
  Promise.all(keys.map((key) => client.send({ args: ['SET', key, '1'], keys: [key] })))

describe('glob', () => {
  it.each([
    [glob`user:*`, 'user:*'],
    [glob`user:${'*'}:*`, 'user:\\*:*'],
    [glob`${'a[b]'}`, 'a\\[b\\]'],
    [glob`${'a\\b'}?`, 'a\\\\b?'],
    [glob`${'a:b'}`, 'a%3Ab'],
    [glob`${42}-${7n}`, '42-7'],
    [glob`[a-z]\*`, '[a-z]\\*'],
    [glob``, ''],
  ])('makes %o', (pattern, text) => {
    expect(pattern).toEqual({ glob: text })
  })

  it.each(['', 'a\nb', '\0', '\ud800', 'x'.repeat(10_240), null, undefined, {}, NaN])(
    'refuses to insert %j, as a key does',
    (part) => {
      expect(() => glob`user:${part as string}`).toThrow(InvalidKeyError)
    },
  )
})

onEach((bench) => {
  describe('scan', () => {
    it('leaves out keys that belong to other keys, and nothing else', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      const keys = ['shop:a', 'shop:a:b', 'shop:{a:b}:c', 'shop:{a}:b', 'shop:lease']
      await put(client, [
        ...keys,
        ...keys.map((key) => companion(key, 'lease')),
        `${beside('shop:a:b')}:fence`,
      ])
      expect(await found(client, glob`*`)).toEqual(keys.sort())
    })

    it('finds every key of the namespace, on every node, once', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      const keys = Array.from({ length: 500 }, (_, i) => client.key('product', i))
      await put(client, [
        ...keys,
        'product:1',
        'shopping:1',
        'shop',
        'Shop:product:1',
        ' shop:product:1',
      ])
      expect(await found(client, glob`*`)).toEqual(keys.sort())
      expect(await found(client, glob`product:*`, { count: 7 })).toEqual(keys)
      expect(await found(client, glob`product:1?`)).toEqual(
        Array.from({ length: 10 }, (_, i) => `shop:product:1${i}`),
      )
      expect(await found(client, glob`product:${7}`)).toEqual(['shop:product:7'])
      expect(await found(client, glob`none:*`)).toEqual([])
    })

    it('returns batches, none of which is empty', async () => {
      const client = bench().newClient()
      await put(
        client,
        Array.from({ length: 300 }, (_, i) => `key ${i}`),
      )
      const batches: number[] = []
      for await (const batch of client.scan(glob`*`, { count: 10 })) batches.push(batch.length)
      expect(batches.length).toBeGreaterThan(1)
      expect(Math.min(...batches)).toBeGreaterThan(0)
      expect(batches.reduce((sum, size) => sum + size)).toBe(300)
    })

    it('escapes inserted values: keys full of glob characters match only themselves', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      let run = 0
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(id, { minLength: 2, maxLength: 12 }), async (ids) => {
          const own = `run ${++run}`
          await put(
            client,
            ids.map((each) => client.key(own, each)),
          )
          expect(await Promise.all(ids.map((each) => found(client, glob`${own}:${each}`)))).toEqual(
            ids.map((each) => [client.key(own, each)]),
          )
          expect(await found(client, glob`${own}:*`)).toEqual(
            ids.map((each) => client.key(own, each)).sort(),
          )
        }),
        { numRuns: RUNS },
      )
    })

    it.each(['a*', 'a?b', 'a[b]', 'a\\b', '\\', '[', 'a^', '{a*}', '*'])(
      'stays in a namespace that looks like a pattern: %j',
      async (namespace) => {
        const [client, neighbour] = [
          bench().newClient({ namespace }),
          bench().newClient({ namespace: namespace.replace(/[*?[\]\\^]/g, 'b') }),
        ]
        await put(client, [client.key('mine')])
        await put(neighbour, [neighbour.key('theirs'), 'b:theirs', 'ab:theirs'])
        expect(await found(client, glob`*`)).toEqual([client.key('mine')])
      },
    )

    it('stops when its signal aborts, and when the consumer stops', async () => {
      const client = bench().newClient()
      await put(
        client,
        Array.from({ length: 100 }, (_, i) => `key ${i}`),
      )
      const stop = new AbortController()
      const reason = new Error('enough')
      await expect(async () => {
        for await (const batch of client.scan(glob`*`, { count: 1, signal: stop.signal }))
          if (batch.length > 0) stop.abort(reason)
      }).rejects.toBe(reason)
      await expect(found(client, glob`*`, { signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      )
      for await (const batch of client.scan(glob`*`, { count: 1 })) {
        expect(batch.length).toBeGreaterThan(0)
        break
      }
    })

    it('finds only keys of one type, with the option', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      await put(client, ['shop:text'])
      await client.send({ args: ['HSET', 'shop:hash', 'f', 'x'], keys: ['shop:hash'] })
      expect(await found(client, glob`*`, { type: 'hash' })).toEqual(['shop:hash'])
      expect(await found(client, glob`*`, { type: 'string' })).toEqual(['shop:text'])
    })

    it.each([{ type: 'text' }, { signal: {} }, { limit: 1 }, null])(
      'refuses the options %o',
      async (options) => {
        await expect(found(bench().newClient(), glob`*`, options as never)).rejects.toBeInstanceOf(
          InvalidOptionError,
        )
      },
    )

    it.each([0, -1, 1.5, NaN, '10', null])('refuses the count %o', async (count) => {
      await expect(
        found(bench().newClient(), glob`*`, { count: count as number }),
      ).rejects.toBeInstanceOf(InvalidOptionError)
    })
  })
})

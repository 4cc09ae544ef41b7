import { CodecError } from '@cache/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { createAside, createReadThrough, type Aside } from '../src/index.js'
import { onEach } from './cases.js'

interface Product {
  readonly id: number
  readonly name: string
}

const chair: Product = { id: 42, name: 'chair' }

onEach(
  ({ newClient, ask }) => {
    let products: Aside<Product>
    let loads: number
    const load = async (): Promise<Product> => {
      loads++
      return chair
    }

    beforeEach(() => {
      products = createAside<Product>({ client: newClient(), prefix: 'product', ttl: '1h' })
      loads = 0
    })

    describe('cache-aside', () => {
      it('loads a missing value, and stores it as plain JSON under a guessable key', async () => {
        expect(await products.getOrLoad(42, load)).toEqual(chair)
        expect(await products.getOrLoad(42, load)).toEqual(chair)
        expect(loads).toBe(1)
        expect(await ask('GET', 'shop:product:42')).toBe(JSON.stringify(chair))
        const life = (await ask('PTTL', 'shop:product:42')) as number
        expect(life).toBeGreaterThan(3_590_000)
        expect(life).toBeLessThanOrEqual(3_600_000)
        expect(await ask('EXISTS', 'shop:product:{shop:product:42}:lease')).toBe(0)
      })

      it('reads what another service wrote as plain JSON', async () => {
        await ask('SET', 'shop:product:42', '{"id":42,"name":"from Python"}')
        expect(await products.getOrLoad(42, load)).toEqual({ id: 42, name: 'from Python' })
        expect(loads).toBe(0)
      })

      it.each([0, '', false, [], {}])('accepts %j as a value', async (value) => {
        const values = createAside<unknown>({ client: newClient(), prefix: 'value', ttl: '1m' })
        await values.getOrLoad('x', () => value)
        expect(await values.getOrLoad('x', () => 'loaded again')).toEqual(value)
      })

      it('loads once for all callers that ask at the same time', async () => {
        const answers = await Promise.all(
          Array.from({ length: 500 }, () => products.getOrLoad(42, load)),
        )
        expect(loads).toBe(1)
        expect(answers.every((answer) => answer?.name === 'chair')).toBe(true)
      })

      it("rejects all waiting callers with the loader's error, and then loads anew", async () => {
        const broken = new TypeError('no such table')
        const asked = await Promise.allSettled(
          Array.from({ length: 50 }, () => products.getOrLoad(42, () => Promise.reject(broken))),
        )
        expect(
          asked.every((answer) => answer.status === 'rejected' && answer.reason === broken),
        ).toBe(true)
        expect(await products.getOrLoad(42, load)).toEqual(chair)
      })

      it('peeks without loading', async () => {
        expect(await products.peek(42)).toBeUndefined()
        await products.getOrLoad(42, load)
        expect(await products.peek(42)).toEqual(chair)
      })

      it('has what a read would get from the cache', async () => {
        expect(await products.has(42)).toBe(false)
        await products.getOrLoad(42, load)
        expect(await products.has(42)).toBe(true)
        await products.invalidate(42)
        expect(await products.has(42)).toBe(false)
        await ask('SET', 'shop:product:42', '{"id":')
        expect(await products.has(42)).toBe(false)
      })

      it.each([null, undefined])(
        'has the remembered fact that there is no value (%s)',
        async (none) => {
          const remembering = createAside<Product>({
            client: newClient(),
            prefix: 'product',
            ttl: '1h',
            negativeTtl: '1m',
          })
          await products.getOrLoad(1, () => none)
          expect(await products.has(1)).toBe(false)
          await remembering.getOrLoad(1, () => none)
          expect(await remembering.has(1)).toBe(true)
        },
      )

      it('sets, with a ttl of its own', async () => {
        expect(await products.set(42, chair, { ttl: '5s' })).toBe(true)
        expect(await products.peek(42)).toEqual(chair)
        expect((await ask('PTTL', 'shop:product:42')) as number).toBeLessThanOrEqual(5_000)
      })

      it('invalidates one entry and several, and returns their number', async () => {
        for (const id of [1, 2, 3]) await products.set(id, { id, name: 'x' })
        expect(await products.invalidate(1)).toBe(1)
        expect(await products.invalidate([1, 2, 3])).toBe(2)
        expect(await products.peek(3)).toBeUndefined()
      })

      it('drops the entry after a mutate, and returns the result of the change', async () => {
        await products.set(42, chair)
        expect(await products.mutate(42, async () => 'changed')).toBe('changed')
        expect(await products.peek(42)).toBeUndefined()
        expect(await ask('EXISTS', 'shop:product:{shop:product:42}:intents')).toBe(0)
      })

      it('drops the entry if the change fails, and rejects with its error', async () => {
        await products.set(42, chair)
        const broken = new Error('constraint violated')
        await expect(products.mutate([42], () => Promise.reject(broken))).rejects.toBe(broken)
        expect(await products.peek(42)).toBeUndefined()
      })

      it('does not fill while a writer is under way, and caps the ttl of the entry', async () => {
        await products.set(42, chair)
        await products.mutate([42, 43], async () => {
          expect((await ask('PTTL', 'shop:product:42')) as number).toBeLessThanOrEqual(5_000)
          await products.getOrLoad(43, load)
          expect(await ask('EXISTS', 'shop:product:43')).toBe(0)
        })
      })

      it('refuses to set while a writer is under way, and leaves no entry', async () => {
        await products.mutate(42, async () => {
          expect(await products.set(42, chair)).toBe(false)
        })
        expect(await products.peek(42)).toBeUndefined()
      })

      it('accepts ids that are objects with `key`', async () => {
        const prices = createAside<number, { sku: string; currency: string }>({
          client: newClient(),
          prefix: 'price',
          ttl: '1m',
          key: ({ sku, currency }) => [sku, currency],
        })
        await prices.getOrLoad({ sku: 'a:b', currency: 'EUR' }, () => 5)
        expect(await ask('GET', 'shop:price:a%3Ab:EUR')).toBe('5')
      })

      it('accepts a ttl that is a function of the value, and a ttl from the loader', async () => {
        const timed = createAside<number>({
          client: newClient(),
          prefix: 'timed',
          ttl: (value) => value * 1_000,
        })
        await timed.getOrLoad('a', () => 7)
        expect((await ask('PTTL', 'shop:timed:a')) as number).toBeLessThanOrEqual(7_000)
        await timed.getOrLoad('b', ({ ttl }) => {
          ttl('3s')
          return 7
        })
        expect((await ask('PTTL', 'shop:timed:b')) as number).toBeLessThanOrEqual(3_000)
      })

      it('rejects a value that can’t be encoded before anything is sent', async () => {
        const cyclic: Record<string, unknown> = {}
        cyclic.self = cyclic
        const anything = createAside<unknown>({ client: newClient(), prefix: 'any', ttl: '1m' })
        await expect(anything.set('x', cyclic)).rejects.toBeInstanceOf(CodecError)
        await expect(anything.set('x', { on: () => 1 })).rejects.toThrow('on is a function')
        expect(await ask('EXISTS', 'shop:any:x')).toBe(0)
      })
    })

    describe('"there is none"', () => {
      it('is not cached by default', async () => {
        expect(await products.getOrLoad(1, () => undefined)).toBeUndefined()
        expect(await products.getOrLoad(1, () => chair)).toEqual(chair)
      })

      it.each([null, undefined])('is cached for `negativeTtl` as %s', async (none) => {
        const known = createAside<Product>({
          client: newClient(),
          prefix: 'known',
          ttl: '1h',
          negativeTtl: '1m',
        })
        expect(await known.getOrLoad(1, () => none)).toBe(none)
        expect(await known.getOrLoad(1, load)).toBe(none)
        expect(loads).toBe(0)
        expect((await ask('PTTL', 'shop:known:1')) as number).toBeLessThanOrEqual(60_000)
      })
    })

    describe('many', () => {
      it('loads missing values in one call, and returns values in order', async () => {
        await products.set(2, { id: 2, name: 'cached' })
        const asked: unknown[] = []
        const answers = await products.getOrLoadMany([3, 2, 1, 3], async (missing) => {
          asked.push([...missing])
          return missing.map((id) => ({ id: Number(id), name: 'loaded' }))
        })
        expect(asked).toEqual([[3, 1]])
        expect(answers.map((product) => `${product?.id} ${product?.name}`)).toEqual([
          '3 loaded',
          '2 cached',
          '1 loaded',
          '3 loaded',
        ])
        expect(await products.peek(1)).toEqual({ id: 1, name: 'loaded' })
      })

      it('accepts a Map as an answer, with undefined for missing ids', async () => {
        const answers = await products.getOrLoadMany([1, 2], async () => new Map([[2, chair]]))
        expect(answers).toEqual([undefined, chair])
      })

      it('refuses an array of another length, which would assign values to wrong ids', async () => {
        await expect(products.getOrLoadMany([1, 2], async () => [chair])).rejects.toThrow(
          'asked for 2 ids and answered with an array of 1',
        )
      })

      it('sends one load for a thousand ids', async () => {
        let calls = 0
        const ids = Array.from({ length: 1_000 }, (_, id) => id)
        await products.getOrLoadMany(ids, async (missing) => {
          calls++
          return missing.map((id) => ({ id: Number(id), name: '' }))
        })
        expect(calls).toBe(1)
        expect(
          await products.getOrLoadMany(ids, async () => {
            throw new Error('not again')
          }),
        ).toHaveLength(1_000)
      })

      it('joins the loads of single reads that are under way', async () => {
        const single = products.getOrLoad(1, load)
        const [one] = await products.getOrLoadMany([1], async () => [{ id: 1, name: 'by many' }])
        expect(await single).toEqual(one)
      })
    })

    describe('read-through', () => {
      it('loads with its own loader, and infers its types', async () => {
        const users = createReadThrough({
          client: newClient(),
          prefix: 'user',
          ttl: '1h',
          load: async (id: number) => ({ id, name: `user ${id}` }),
        })
        const user = await users.get(7)
        expect(user.name.toUpperCase()).toBe('USER 7')
        expect(await users.peek(7)).toEqual(user)
      })

      it('loads many with loadMany, or one by one with `concurrency`', async () => {
        let running = 0
        let most = 0
        const each = createReadThrough({
          client: newClient(),
          prefix: 'each',
          ttl: '1h',
          concurrency: 3,
          load: async (id: number) => {
            most = Math.max(most, ++running)
            await new Promise((resolve) => setTimeout(resolve, 5))
            running--
            return { id }
          },
        })
        expect(await each.getMany([1, 2, 3, 4, 5, 6, 7])).toEqual(
          [1, 2, 3, 4, 5, 6, 7].map((id) => ({ id })),
        )
        expect(most).toBe(3)
        const together = createReadThrough({
          client: newClient(),
          prefix: 'together',
          ttl: '1h',
          load: async (id: number) => id,
          loadMany: async (ids) => ids.map((id) => id * 10),
        })
        expect(await together.getMany([1, 2])).toEqual([10, 20])
      })
    })
  },
  { sharded: true },
)

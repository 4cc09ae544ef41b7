import { setImmediate as turn } from 'node:timers/promises'
import { UsageError } from '@cache/core'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { describe, expect, it } from 'vitest'
import { createVersioned } from '../src/index.js'
import { Shop, how, onEach, productsOf } from './cases.js'

/** A source whose answers the test gives. */
function heldSource<V>() {
  const calls: ((value: V) => void)[] = []
  const load = (): Promise<V> => new Promise((resolve) => calls.push(resolve))
  const called = async (count: number): Promise<void> => {
    while (calls.length < count) await turn()
  }
  return { calls, load, called }
}

onEach((bench) => {
  describe.each(how)('clear, groups %s', (way) => {
    const clearable = { clearable: true } as const

    it('ends all entries of the cache in all processes, and none of another cache', async () => {
      const shop = new Shop()
      const [here, there] = [1, 2].map(() =>
        productsOf(bench.newClient(), shop, way, clearable),
      ) as [ReturnType<typeof productsOf>, ReturnType<typeof productsOf>]
      const other = productsOf(bench.newClient(), shop, way, { ...clearable, prefix: 'other' })
      for (let i = 0; i < 4; i++) for (const cache of [here, other]) await cache.getMany([7, 8])
      const { loads } = shop
      expect(await there.getMany([7, 8])).toEqual([shop.row(7), shop.row(8)])
      expect(shop.loads).toBe(loads)
      for (const id of [7, 8]) shop.change(id, { price: 2 })
      await there.clear()
      for (const cache of [here, there]) {
        expect(await cache.peek(7)).toBeUndefined()
        expect(await cache.has(8)).toBe(false)
      }
      expect(await other.peek(7)).toMatchObject({ price: 1 })
      for (let i = 0; i < 4; i++)
        for (const cache of [here, there]) expect(await cache.get(7)).toMatchObject({ price: 2 })
      expect(await there.peek(7)).toMatchObject({ price: 2 })
      expect(
        await there.set(7, shop.row(7), {
          versions: await here.versions(['category:7', 'products']),
        }),
      ).toBe(true)
      expect(await here.peek(7)).toMatchObject({ price: 2 })
      shop.change(7, { price: 3 })
      await there.bump('category:7')
      expect(await here.get(7)).toMatchObject({ price: 3 })
    })

    it('ends values whose load began before it', async () => {
      const { calls, load, called } = heldSource<number>()
      const [here, there] = [1, 2].map(() =>
        createVersioned<number | null, number>({
          client: bench.newClient(),
          prefix: 'n',
          ttl: '1h',
          clockSkew: 1,
          clearable: true,
          load,
          groups: (_, value) =>
            way.startsWith('known') || value !== undefined ? ['g'] : undefined,
          strategy: way.endsWith('key') ? 'key' : 'stamp',
        }),
      )
      const reading = here!.get(1)
      await called(1)
      const versions = await here!.versions(['g'])
      await there!.clear()
      calls[0]!(1)
      expect(await reading).toBe(1)
      for (const cache of [here, there]) expect(await cache!.peek(1)).toBeUndefined()
      expect(await here!.set(1, 1, { versions })).toBe(false)
      expect(await there!.peek(1)).toBeUndefined()
    })
  })

  describe.each(['stamp', 'key'] as const)('strategy %s', (strategy) => {
    it('a reader that joins a load from before a bump does not get "there is none"', async () => {
      const { calls, load, called } = heldSource<number | null>()
      const [here, there] = [1, 2].map(() =>
        createVersioned<number | null, number>({
          client: bench.newClient(),
          prefix: 'n',
          ttl: '1h',
          load,
          groups: () => ['g'],
          strategy,
        }),
      )
      const reading = here!.get(1)
      await called(1)
      await there!.bump('g')
      const joining = here!.get(1)
      await turn()
      calls[0]!(null)
      expect(await reading).toBeNull()
      await called(2)
      calls[1]!(2)
      expect(await joining).toBe(2)
    })
  })

  it('near a process: its clear is seen at once, another one with its message', async () => {
    const shop = new Shop()
    const nodes = await Promise.all(
      [1, 2].map(async () => {
        const client = bench.newClient()
        const bus = createInvalidationBus({ client, channel: 'clear' })
        await bus.ready()
        const near = withNearCache(client, { bus })
        return { client, near, products: productsOf(near, shop, how[0], { clearable: true }) }
      }),
    )
    const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
    for (let price = 2; price < 12; price++) {
      for (let i = 0; i < 3; i++) for (const { products } of nodes) await products.get(7)
      const { hits } = b.near.near.stats()
      await b.products.get(7)
      expect(b.near.near.stats().hits).toBeGreaterThan(hits)
      shop.change(7, { price })
      await a.products.clear()
      expect(await a.products.get(7)).toMatchObject({ price })
      await expect.poll(async () => (await b.products.get(7)).price, { interval: 2 }).toBe(price)
    }
    for (const { client } of nodes) await client.close()
  })

  it('needs the option', async () => {
    const products = productsOf(bench.newClient(), new Shop(), how[0])
    await expect(products.clear()).rejects.toThrow(UsageError)
    expect([...(await products.versions(['a'])).keys()]).toEqual(['a'])
  })
})

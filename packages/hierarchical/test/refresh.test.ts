import { setImmediate as turn } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { createVersioned } from '@cache/versioning'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHierarchical } from '../src/index.js'
import { Shop, onEach, productsOf, type Options, type Product } from './cases.js'

onEach((bench) => {
  function two(options: Options = {}) {
    const shop = new Shop()
    const here = productsOf(bench.newClient(), shop, options)
    return { shop, here, there: productsOf(bench.newClient(), shop, options) }
  }

  describe.each([
    ['small groups', {}],
    ['large groups', { maxGroupBytes: 1 }],
  ])('refresh, with %s', (_, options) => {
    it('replaces the item and its group, in every process', async () => {
      const { shop, here, there } = two(options)
      await here.getGroup(7)
      for (const cache of [here, there]) await cache.get(7)
      shop.change(7, { price: 2 })
      expect(await there.get(7)).toMatchObject({ price: 1 })
      shop.asked()
      expect(await here.refresh(7)).toEqual(shop.row(7))
      expect(shop.asked().loadGroup).toBe(1)
      for (const cache of [here, there]) {
        expect(await cache.get(7)).toEqual(shop.row(7))
        expect(await cache.getGroup(7)).toEqual(shop.of(7))
        expect(await cache.getMany([7, 17])).toEqual([shop.row(7), shop.row(17)])
      }
      expect(shop.asked().loadGroup).toBe(0)
    })

    it('leaves the old item if a loader throws, and while it loads', async () => {
      const { shop, here, there } = two(options)
      await here.get(7)
      const failing = productsOf(bench.newClient(), shop, {
        ...options,
        loadGroup: () => Promise.reject(new Error('no database')),
      })
      shop.change(7, { price: 2 })
      await expect(failing.refresh(7)).rejects.toThrow('no database')
      expect(await there.get(7)).toMatchObject({ price: 1 })
      let release!: () => void
      const held = new Promise<void>((resolve) => (release = resolve))
      let loading = false
      const slow = productsOf(bench.newClient(), shop, {
        ...options,
        loadGroup: async (id) => {
          loading = true
          await held
          return shop.of(id)
        },
      })
      const refreshing = slow.refresh(7)
      while (!loading) await turn()
      expect(await there.get(7)).toMatchObject({ price: 1 })
      expect(await slow.getGroup(7)).toContainEqual({ id: 7, category: 7, price: 1 })
      release()
      expect(await refreshing).toMatchObject({ price: 2 })
      expect(await there.get(7)).toMatchObject({ price: 2 })
    })

    it('follows an item that has moved, and loads one that is new or is not cached', async () => {
      const { shop, here, there } = two(options)
      for (const id of [7, 8]) await here.getGroup(id)
      await here.get(7)
      shop.change(7, { category: 8 })
      expect(await there.refresh(7)).toEqual(shop.row(7))
      expect(await here.get(7)).toEqual(shop.row(7))
      for (const id of [7, 8]) expect(await here.getGroup(id)).toEqual(shop.of(id))
      shop.rows.set(107, { id: 107, category: 7, price: 1 })
      expect(await here.refresh(107)).toEqual(shop.row(107))
      expect(await there.getGroup(7)).toEqual(shop.of(7))
      shop.rows.delete(107)
      expect(await there.refresh(107)).toBeNull()
      expect(await here.get(107)).toBeNull()
      expect(await here.getGroup(7)).toEqual(shop.of(7))
    })
  })

  it('refresh takes nothing from a cached group above, and drops it', async () => {
    const shop = new Shop()
    let all = 0
    const products = createHierarchical({
      client: bench.newClient(),
      ttl: '1h',
      levels: [
        { prefix: 'product', id: (product: Product) => product.id },
        {
          prefix: 'category',
          id: (product) => product.category,
          of: (id: number) => shop.groupOf(id),
          load: (id: number) => shop.loadGroup(id),
        },
        {
          prefix: 'catalog',
          id: () => 'all',
          of: () => 'all',
          load: () => {
            all++
            return [...shop.rows.values()]
          },
        },
      ],
    })
    await products.getGroup('catalog', 'all')
    await products.get(7)
    shop.change(7, { price: 2 })
    shop.asked()
    expect(await products.refresh(7)).toEqual(shop.row(7))
    expect(shop.asked().loadGroup).toBe(1)
    expect(await products.get(7)).toEqual(shop.row(7))
    expect(await products.getGroup('category', 7)).toEqual(shop.of(7))
    expect(await products.getGroup('catalog', 'all')).toContainEqual(shop.row(7))
    expect(all).toBe(2)

    // One group above all others is a way to clear the cache, without loading that group.
    for (const id of [7, 8]) shop.change(id, { price: 3 })
    await products.invalidateGroup('catalog', 'all')
    expect(await products.has(7)).toBe(false)
    for (const id of [7, 8]) expect(await products.get(id)).toEqual(shop.row(id))
    expect(all).toBe(2)
  })

  it('has tells of items, of groups that hold them, and of what is known not to be', async () => {
    const { shop, here, there } = two({ negativeTtl: '1h' })
    expect(await here.has(7)).toBe(false)
    await here.get(7)
    for (const cache of [here, there]) expect(await cache.has(7)).toBe(true)
    shop.asked()
    expect(await there.has(17)).toBe(false) // its group is cached, but not that it is there
    await here.get(999)
    expect(await there.has(999)).toBe(true)
    await here.invalidate(7)
    expect(await there.has(7)).toBe(false)
    expect(shop.asked().loadGroup).toBe(0)
  })
})

describe('the warning about a shared prefix', () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  beforeEach(() => emitted.mockClear())
  afterAll(() => emitted.mockRestore())
  afterEach(() => vi.unstubAllEnvs())

  it('comes for caches of another form, and for no cache of the same form', () => {
    const client = createCacheClient(memoryDriver(), { namespace: 'warning' })
    const schema = z.object({ id: z.number(), category: z.number(), price: z.number() })
    const shop = new Shop()
    for (let i = 0; i < 2; i++) productsOf(client, shop, { schema })
    expect(emitted).not.toHaveBeenCalled()
    const options = { client, ttl: '1h', load: () => 1, groups: () => [] } as const
    for (const prefix of ['product', 'category']) createVersioned({ ...options, prefix })
    expect(emitted.mock.calls.map(([message]) => message)).toEqual([
      expect.stringContaining('the prefix "product", but one has items with groups'),
      expect.stringContaining('the prefix "category", but one has groups of items'),
    ])
  })
})

import { expect, it } from 'vitest'
import { Shop, onEach, productsOf } from './cases.js'

onEach((bench) => {
  it('stats() counts items, and by prefix what they are made of', async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop)
    await products.get(7)
    await products.get(7)
    await products.getGroup(7)
    await products.invalidate([7, 17])
    const { caches, ...items } = products.stats()
    expect(items).toMatchObject({ hits: 1, misses: 1, hitRate: 0.5, loads: 1, invalidations: 2 })
    expect(Object.keys(caches).sort()).toEqual(['category', 'product', 'product:in:category'])
    expect(caches.product).toEqual(items)
    expect(caches.category).toMatchObject({ hits: 1, misses: 1, loads: 1 })
    expect(caches['product:in:category']).toMatchObject({ misses: 1, loads: 1 })
  })
})

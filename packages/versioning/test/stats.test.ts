import { expect, it } from 'vitest'
import { Shop, onEach, productsOf } from './cases.js'

onEach((bench) => {
  it('stats() counts reads, loads and changes, and a bump causes misses', async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'known before, stamp')
    await products.get(42)
    await products.getMany([42, 43])
    await products.bump('category:2')
    await products.set(7, shop.row(7))
    await products.invalidate([7, 8])
    await products.mutate(7, async () => undefined)
    const stats = products.stats()
    expect(stats).toMatchObject({ hits: 1, redisHits: 1, misses: 2, loads: 2, fills: 2 })
    expect(stats).toMatchObject({ writes: 1, invalidations: 3 })
    await products.bump('category:2') // of 42
    await products.get(42)
    expect(products.stats()).toMatchObject({ hits: 1, misses: 3, loads: 3 })
  })
})

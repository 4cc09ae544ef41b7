import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { expect, expectTypeOf, it } from 'vitest'
import { Cached, Mutates, useCacheClient, WithLock } from '../../src/decorators/index.js'

// This folder has a tsconfig of its own, without `experimentalDecorators`.
it('works as a standard decorator', async () => {
  await using client = createCacheClient(memoryDriver())
  class Products {
    #name = 'chair'
    loads = 0

    @Cached({ prefix: 'product', key: (id: number) => id, ttl: '1h' })
    @WithLock({ name: (id: number) => `product:${id}` })
    async find(id: number): Promise<string> {
      this.loads++
      return `${id} ${this.#name}`
    }

    @Mutates({ prefix: 'product', key: (id: number) => id })
    async rename(_id: number, name: string) {
      this.#name = name
    }
  }
  const products = useCacheClient(new Products(), client)
  expect(await products.find(1)).toBe('1 chair')
  expect(await products.find(1)).toBe('1 chair')
  expect(products.loads).toBe(1)
  await products.rename(1, 'armchair')
  expect(await products.find(1)).toBe('1 armchair')
  expectTypeOf(products.find).toEqualTypeOf<(id: number) => Promise<string>>()
})

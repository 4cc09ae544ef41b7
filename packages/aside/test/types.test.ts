import type { CacheClient, Schema } from '@cache/core'
import { describe, expectTypeOf, it } from 'vitest'
import { createAside, type Aside } from '../src/index.js'

interface Product {
  readonly id: number
  readonly name: string
}

/** Calls are only type-checked. */
const typesOf = (_: () => unknown): void => undefined
declare const client: CacheClient
declare const schema: Schema<Product>
declare const find: (id: number) => Promise<Product | undefined>
declare const findAll: (ids: readonly number[]) => Promise<Map<number, Product>>

describe('the type of a cache', () => {
  it('comes from the loader if there is no type argument', () =>
    typesOf(() => {
      const products = createAside({ client, prefix: 'product', ttl: '1h' })
      expectTypeOf(products.getOrLoad(1, () => find(1))).resolves.toEqualTypeOf<
        Product | undefined
      >()
      expectTypeOf(
        products.getOrLoad(1, async () => ({ id: 1, name: 'chair' })),
      ).resolves.toEqualTypeOf<{ id: number; name: string }>()
      expectTypeOf(products.getOrLoad(1, () => 'chair')).resolves.toEqualTypeOf<string>()
      expectTypeOf(products.peek(1)).resolves.toEqualTypeOf<unknown>()
    }))

  it('comes from the loader of many ids as well', () =>
    typesOf(() => {
      const products = createAside<unknown, number>({ client, prefix: 'product', ttl: '1h' })
      expectTypeOf(products.getOrLoadMany([1, 2], (ids) => findAll(ids))).resolves.toEqualTypeOf<
        (Product | null | undefined)[]
      >()
    }))

  it('comes from the type argument if there is one', () =>
    typesOf(() => {
      const products = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
      expectTypeOf(products).toEqualTypeOf<Aside<Product>>()
      expectTypeOf(products.getOrLoad(1, () => find(1))).resolves.toEqualTypeOf<
        Product | undefined
      >()
      expectTypeOf(
        products.getOrLoad(1, async () => ({ id: 1, name: 'chair', more: true })),
      ).resolves.toEqualTypeOf<Product>()
      // @ts-expect-error a loader must return what the cache holds
      void products.getOrLoad(1, () => 'chair')
      // @ts-expect-error and so must a loader of many ids
      void products.getOrLoadMany([1], () => ['chair'])
    }))

  it('comes from the schema', () =>
    typesOf(() => {
      const products = createAside({ client, prefix: 'product', ttl: '1h', schema })
      expectTypeOf(products.getOrLoad(1, () => find(1))).resolves.toEqualTypeOf<
        Product | undefined
      >()
      expectTypeOf(products.peek(1)).resolves.toEqualTypeOf<Product | null | undefined>()
    }))
})

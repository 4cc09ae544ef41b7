import { describe, expect, expectTypeOf, it } from 'vitest'
import { createHierarchical } from '../src/index.js'
import { onEach } from './cases.js'

interface Product {
  readonly id: number
  readonly category: string
  readonly department: number
  readonly price: number
}

class Store {
  readonly rows = new Map<number, Product>()
  readonly asked: string[] = []

  constructor() {
    for (let id = 1; id <= 12; id++)
      this.rows.set(id, { id, category: `c${id % 4}`, department: id % 2, price: 1 })
  }

  change(id: number, patch: Partial<Product>): void {
    this.rows.set(id, { ...this.rows.get(id)!, ...patch })
  }

  where(fits: (row: Product) => boolean): Product[] {
    return [...this.rows.values()].filter(fits)
  }

  ask<R>(what: string, answer: R): R {
    this.asked.push(what)
    return answer
  }
}

onEach((bench) => {
  function make(store = new Store(), maxGroupBytes = 1_000_000) {
    const products = createHierarchical({
      client: bench.newClient(),
      ttl: '1h',
      maxGroupBytes,
      levels: [
        { prefix: 'product', id: (product: Product) => product.id },
        {
          prefix: 'category',
          id: (product: Product) => product.category,
          of: (id: number) => store.ask('category of', store.rows.get(id)?.category),
          load: (category: string) =>
            store.ask(
              'category',
              store.where((row) => row.category === category),
            ),
        },
        {
          prefix: 'department',
          id: (product: Product) => product.department,
          of: (category: string) =>
            store.ask(
              'department of',
              store.where((row) => row.category === category)[0]?.department,
            ),
          load: (department: number) =>
            store.ask(
              'department',
              store.where((row) => row.department === department),
            ),
        },
      ],
    })
    return { store, products }
  }

  describe.each([
    ['small', 1_000_000],
    ['large', 1],
  ])('three levels, with groups that are %s', (_, maxGroupBytes) => {
    it('the types contain the levels, their ids and the items', () => {
      const { products } = make()
      expectTypeOf(products.get).parameter(0).toEqualTypeOf<number>()
      expectTypeOf(products.get).returns.toEqualTypeOf<Promise<Product | null | undefined>>()
      expectTypeOf(products.getGroup<'category'>)
        .parameter(1)
        .toEqualTypeOf<string>()
      expectTypeOf(products.getGroup<'department'>)
        .parameter(1)
        .toEqualTypeOf<number>()
      // @ts-expect-error: the items are not a level of groups
      void (() => products.getGroup('product', 1))
    })

    it('a read searches from its level upwards, and loads the lowest group', async () => {
      const { store, products } = make(undefined, maxGroupBytes)
      expect(await products.get(1)).toEqual(store.rows.get(1))
      expect(store.asked).toEqual(['category of', 'department of', 'category'])
      store.asked.length = 0
      expect(await products.get(5)).toEqual(store.rows.get(5))
      expect(await products.getGroup('category', 'c1')).toEqual(
        store.where((row) => row.category === 'c1'),
      )
      expect(store.asked).toEqual(['category of'])
    })

    it('groups and items are taken out of the cached group above', async () => {
      const { store, products } = make(undefined, maxGroupBytes)
      await products.getGroup('department', 1)
      store.asked.length = 0
      expect(await products.getGroup('category', 'c3')).toEqual(
        store.where((row) => row.category === 'c3'),
      )
      expect(await products.get(1)).toEqual(store.rows.get(1))
      expect(store.asked).not.toContain('category')
      expect(store.asked).not.toContain('department')
    })

    it('a changed item is current on every level', async () => {
      const { store, products } = make(undefined, maxGroupBytes)
      const other = make(store, maxGroupBytes)
      const all = [products, other.products]
      for (const each of all) {
        await each.getGroup('department', 1)
        await each.getGroup('category', 'c1')
        await each.get(1)
        await each.get(3)
      }
      for (const patch of [{ price: 2 }, { category: 'c3' }, { category: 'c2', department: 0 }]) {
        store.change(1, patch)
        await products.invalidate(1)
        for (const each of all) {
          for (const department of [0, 1])
            expect(await each.getGroup('department', department)).toEqual(
              store.where((row) => row.department === department),
            )
          for (const category of ['c1', 'c2', 'c3'])
            expect(await each.getGroup('category', category)).toEqual(
              store.where((row) => row.category === category),
            )
          expect(await each.get(1)).toEqual(store.rows.get(1))
        }
      }
    })

    it('invalidateGroup invalidates all levels below, down to the items', async () => {
      const { store, products } = make(undefined, maxGroupBytes)
      const other = make(store, maxGroupBytes)
      for (const each of [products, other.products]) {
        await each.getGroup('department', 1)
        await each.getGroup('category', 'c1')
        await each.get(1)
      }
      for (const id of [1, 5, 3]) store.change(id, { price: 2 })
      await products.invalidateGroup('department', 1)
      for (const each of [products, other.products]) {
        expect(await each.get(1)).toMatchObject({ price: 2 })
        expect(await each.peekGroup('department', 1)).toBeUndefined()
        expect(await each.getGroup('category', 'c3')).toEqual(
          store.where((row) => row.category === 'c3'),
        )
        expect(await each.getGroup('category', 'c1')).toEqual(
          store.where((row) => row.category === 'c1'),
        )
      }
    })

    it('a group that moved or changed is current in its old and its new parent', async () => {
      const { store, products } = make(undefined, maxGroupBytes)
      const other = make(store, maxGroupBytes)
      for (const each of [products, other.products]) {
        await each.getGroup('department', 0)
        await each.getGroup('department', 1)
        await each.getGroup('category', 'c1')
        await each.get(1)
      }
      for (const { id } of store.where((row) => row.category === 'c1'))
        store.change(id, { department: 0, price: 2 })
      await products.invalidateGroup('category', 'c1')
      for (const each of [products, other.products]) {
        for (const department of [0, 1])
          expect(await each.getGroup('department', department)).toEqual(
            store.where((row) => row.department === department),
          )
        expect(await each.getGroup('category', 'c1')).toEqual(
          store.where((row) => row.category === 'c1'),
        )
        expect(await each.get(1)).toEqual(store.rows.get(1))
      }
      store.change(1, { price: 3 })
      await products.invalidateGroup('department', 0)
      for (const each of [products, other.products])
        expect(await each.get(1)).toMatchObject({ price: 3 })
    })
  })
})

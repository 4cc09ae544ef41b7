import { describe, expect, expectTypeOf, it } from 'vitest'
import { Cached, Mutates, WithLock } from '../src/decorators/index.js'

interface Product {
  readonly id: number
  readonly brand: string
}

describe('types', () => {
  it('keep the signature of a method', () => {
    class Products {
      @Cached({ prefix: 'p', ttl: '1h' })
      async find(id: number, locale?: string): Promise<Product | undefined> {
        return locale ? { id, brand: locale } : undefined
      }
      @Cached({ prefix: 'g', ttl: '1h' })
      async generic<T extends string>(value: T): Promise<T> {
        return value
      }
    }
    const { find, generic } = new Products()
    expectTypeOf(find).parameters.toEqualTypeOf<[id: number, locale?: string]>()
    expectTypeOf(find).returns.resolves.toEqualTypeOf<Product | undefined>()
    expectTypeOf(generic<'a'>).returns.toEqualTypeOf<Promise<'a'>>()
  })

  it('refuse options for other arguments or results, and methods without a promise', () => {
    class Products {
      @Cached({ prefix: 'a', key: (id: number) => id, ttl: (p: Product) => p.id })
      async right(id: number, _more: boolean): Promise<Product | null> {
        return { id, brand: '' }
      }
      // @ts-expect-error The key is of a string.
      @Cached({ prefix: 'b', key: (id: string) => id })
      async otherArguments(id: number) {
        return id
      }
      // @ts-expect-error The ttl is of a product.
      @Cached({ prefix: 'c', ttl: (product: Product) => product.id })
      async otherResult(id: number) {
        return id
      }
      // @ts-expect-error It returns no promise.
      @Cached({ prefix: 'd' })
      notAsync(id: number) {
        return id
      }
      // @ts-expect-error The key is of a string.
      @Mutates({ prefix: 'e', key: (id: string) => id })
      async mutates(id: number) {
        return id
      }
      @WithLock({ name: 'f', skipIfHeld: true })
      async skipped(): Promise<void> {}
      // @ts-expect-error A skipped call resolves to undefined.
      @WithLock({ name: 'g', skipIfHeld: true })
      async neverSkipped(): Promise<number> {
        return 1
      }
    }
    expect(Products).toBeDefined()
  })
})

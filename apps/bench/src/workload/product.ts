import type { Id } from './ids.js'

/** The value that is measured: an object of an online shop, with texts, numbers and lists. */
export interface Product {
  readonly id: Id
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly price: number
  readonly size: { readonly width: number; readonly height: number }
  readonly reviews?: readonly Review[]
}

interface Review {
  readonly author: string
  readonly stars: number
  readonly text: string
}

/** Returns a product of about 350 bytes of JSON. */
export function product(id: Id): Product {
  return {
    id,
    name: `Product ${id}`,
    description: TEXT.repeat(4),
    tags: ['chair', 'oak'],
    price: 129.5,
    size: { width: 48, height: 82 },
  }
}

/**
 * Returns a product with `bytes` bytes of JSON, at least about 100: with a long description, and
 * from 1 KiB on with reviews.
 */
export function productOf(id: Id, bytes: number): Product {
  const reviews = Array.from(
    { length: Math.max(0, Math.floor((bytes - 300) / REVIEW_BYTES)) },
    (_, i) => ({
      author: `Customer ${i}`,
      stars: 4,
      text: TEXT.repeat(2),
    }),
  )
  const value: Product = {
    ...product(id),
    name: '',
    description: '',
    tags: [],
    ...(reviews.length > 0 && { reviews }),
  }
  const missing = Math.max(0, bytes - JSON.stringify(value).length)
  return { ...value, description: TEXT.repeat(missing / TEXT.length + 1).slice(0, missing) }
}

const TEXT = 'A chair of oak, oiled, with a seat of woven cord. '
const REVIEW_BYTES = 155

/** The measured operations of a cache library: JSON values in Redis, without a near cache. */
export interface MeasuredCache {
  getOrLoad(id: number, load: () => Promise<Product>): Promise<Product>
  /** Returns values that are all cached. */
  getMany?(ids: readonly number[]): Promise<readonly Product[]>
  /** Invalidates a value in the way of the library: the next read loads it again. */
  invalidate(id: number): Promise<void>
  close(): Promise<void>
}

export interface Contender {
  readonly name: string
  /** The name of the bare client that the library uses. */
  readonly bare: 'ioredis' | 'node-redis'
  readonly kind: 'bare' | 'ours' | 'peer'
  open(url: string): Promise<MeasuredCache>
}

export interface Product {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly price: number
  readonly size: { readonly width: number; readonly height: number }
}

export function product(id: number): Product {
  return {
    id,
    name: `Product ${id}`,
    description: 'A chair of oak, oiled, with a seat of woven cord. '.repeat(4),
    tags: ['chair', 'oak'],
    price: 129.5,
    size: { width: 48, height: 82 },
  }
}

export const ONE_HOUR = 3_600_000

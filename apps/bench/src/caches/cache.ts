/**
 * What is measured of a cache library: all of them over JSON values in Redis, without a cache in
 * the process.
 */
export interface MeasuredCache {
  getOrLoad(id: number, load: () => Promise<Product>): Promise<Product>
  /** All values, of which none is missing. */
  getMany?(ids: readonly number[]): Promise<readonly Product[]>
  /** As each library has it: after this, the value is to be loaded anew. */
  invalidate(id: number): Promise<void>
  close(): Promise<void>
}

export interface Contender {
  readonly name: string
  /** The bare client that it stands on, by the name of that contender. */
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

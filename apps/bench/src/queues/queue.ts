import type { Product } from '../caches/cache.js'

/** A way of putting writes into Redis, to be carried elsewhere by a worker. */
export interface QueueContender {
  readonly name: string
  open(url: string): Promise<MeasuredQueue>
}

export interface MeasuredQueue {
  /** Resolves once the write is acknowledged. */
  enqueue(product: Product): Promise<unknown>
  /** Works until so many writes have been carried to a database that takes no time. */
  work(count: number): Promise<void>
  close(): Promise<void>
}

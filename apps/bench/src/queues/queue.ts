import type { Product } from '../workload/product.js'

/** A queue in Redis, from which a worker writes to a database. */
export interface QueueContender {
  readonly name: string
  open(url: string): Promise<MeasuredQueue>
}

export interface MeasuredQueue {
  /** Resolves once the write is acknowledged. */
  enqueue(product: Product): Promise<unknown>
  /** Puts many different writes at once, in the way of the library. */
  enqueueMany(products: readonly Product[]): Promise<unknown>
  /** Processes `count` writes. The database takes no time. */
  work(count: number): Promise<void>
  close(): Promise<void>
}

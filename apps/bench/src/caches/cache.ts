import type { Id } from '../workload/ids.js'
import type { Product } from '../workload/product.js'

/** The measured operations of a cache library: JSON values in Redis, without a near cache. */
export interface MeasuredCache {
  getOrLoad(id: Id, load: () => Promise<Product>): Promise<Product>
  /** Returns values that are all cached. */
  getMany?(ids: readonly Id[]): Promise<readonly Product[]>
  /** Invalidates a value in the way of the library: the next read loads it again. */
  invalidate(id: Id): Promise<void>
  close(): Promise<void>
}

/** A library on one server, whose `url` it is given, or on a Cluster, whose `addresses` it gets. */
export interface Contender<Where = string> {
  readonly name: string
  /** The name of the bare client that the library uses. */
  readonly bare: 'ioredis' | 'node-redis'
  readonly kind: 'bare' | 'ours' | 'peer'
  open(where: Where): Promise<MeasuredCache>
}

export const ONE_HOUR = 3_600_000

import type { CacheClient } from '@cache/core'
import type { WriteId } from '../partitions.js'
import type { WriteFormat } from '../write-format.js'
import type { Flush } from './flush.js'
import type { RetryPolicy } from './retry.js'

/** The checked options of a worker, as the processing of a partition uses them. */
export interface ProcessingOptions<T, Id extends WriteId> {
  readonly client: CacheClient
  readonly prefix: string
  readonly format: WriteFormat<T>
  readonly flush: Flush<T, Id>
  readonly batchSize: number
  readonly maxUnconfirmed: number
  /** Milliseconds. */
  readonly linger: number
  /** Milliseconds. */
  readonly flushTimeout: number
  readonly coalesce: boolean
  readonly retry: RetryPolicy
}

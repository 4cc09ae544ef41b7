export { createWriteBehind } from './write-behind.js'
export type { Pending, WriteBehind, WriteBehindOptions, WriteOptions } from './types.js'
export {
  createWriteBehindWorker,
  type WriteBehindWorker,
  type WriteBehindWorkerOptions,
} from './worker/worker.js'
export {
  FlushAnswerError,
  type Flush,
  type FlushContext,
  type FlushFailure,
  type PendingWrite,
} from './worker/flush.js'
export { postgresFlush, type PostgresFlushOptions, type PostgresRow } from './postgres-flush.js'
export type { DeadLetter, DeadLetters } from './dead-letters.js'
export type { WriteId } from './partitions.js'
export { BackpressureError, BulkWriteError, DeadLetterError, DurabilityError } from './errors.js'
export { type CacheStats } from '@cache/core'

import {
  UsageError,
  type CacheClient,
  type Codec,
  type Duration,
  type Schema,
  type Size,
} from '@cache/core'
import {
  addGauge,
  clientOption,
  closeWith,
  durationOption,
  flagOption,
  formatOptions,
  functionOption,
  givenOption,
  numberOption,
  readOptions,
  required,
  type OptionTable,
} from '@cache/core/internal'
import { measureQueue } from '../measure-queue.js'
import { Partitions, checkQueuePrefix, partitionsOption, type WriteId } from '../partitions.js'
import { WriteFormat, patchCodecOption } from '../write-format.js'
import type { Flush } from './flush.js'
import type { ProcessingOptions } from './processing-options.js'
import { retryOption, retryPolicy, type RetryOptions } from './retry.js'
import { WorkerRun } from './worker-run.js'

/** Options of `createWriteBehindWorker`. */
export interface WriteBehindWorkerOptions<T, Id extends WriteId> {
  /** The cache client to use. Use one with the near cache if the writers have one. */
  readonly client: CacheClient
  /** The prefix of the queue, as in `createWriteBehind`. */
  readonly prefix: string
  /** As in `createWriteBehind`. Default 8. */
  readonly partitions?: number
  /**
   * As in `createWriteBehind`. A write that cannot be decoded becomes a dead letter. Default
   * `json`.
   */
  readonly codec?: Codec<T>
  /**
   * As in `createWriteBehind`. A patch that cannot be decoded makes its write a dead letter.
   * Default: `codec`.
   */
  readonly patchCodec?: Codec<any>
  /** As in `createWriteBehind`. A value that does not match becomes a dead letter. */
  readonly schema?: Schema<T>
  /** As in `createWriteBehind`. A larger value becomes a dead letter. Default '8mb'. */
  readonly maxValueBytes?: Size
  /** Writes a batch to the database: `(writes, { fence, partition, signal })`. */
  readonly flush: Flush<T, Id>
  /**
   * The maximum number of writes that are read, and of ids that are flushed, at once. Default 500.
   */
  readonly batchSize?: number
  /**
   * The maximum number of queued writes that this worker has given to `flush` and not yet removed
   * from the queue, in all of its partitions together. At most so many are flushed again after the
   * worker was killed. Batches are not larger than this. A `flush` that hangs keeps its share until
   * `flushTimeout`, and the other partitions have the rest. If batches wait for each other while
   * the database has capacity to spare, raise it. Default 1 000, or `batchSize` if that is more.
   */
  readonly maxUnconfirmed?: number
  /** How long a batch that is not full waits for more writes. Default 20 ms. */
  readonly linger?: Duration
  /**
   * How long one call of `flush` may take. After this time its signal aborts, and the call counts
   * as failed. Default 1 min.
   */
  readonly flushTimeout?: Duration
  /**
   * Whether the writes of an id in a batch are combined into one, with all their `patches`. Default
   * true.
   */
  readonly coalesce?: boolean
  /** How often a write is tried before it becomes a dead letter, and the pauses in between. */
  readonly retry?: RetryOptions
  /**
   * How long a worker owns a partition without renewing it. A worker that died keeps its partitions
   * for this long. Default 10 s.
   */
  readonly ownershipTtl?: Duration
  /** How long `run` waits for running flushes after its signal has aborted. Default 10 s. */
  readonly drainTimeout?: Duration
}

/** A worker that carries the writes of a queue to the database. */
export interface WriteBehindWorker {
  /**
   * Works until the signal aborts. Then it finishes the running flushes, gives its partitions back
   * and resolves. It keeps working through outages of Redis and of the database.
   */
  run(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** The indexes of the partitions that the worker owns now. */
  readonly partitions: readonly number[]
}

/** The rows of `WriteBehindWorkerOptions`. */
const workerOptions = {
  client: clientOption,
  prefix: givenOption(),
  partitions: partitionsOption,
  ...formatOptions,
  patchCodec: patchCodecOption,
  flush: functionOption(required),
  batchSize: numberOption({ min: 1, max: 10_000, integer: true }, 500),
  maxUnconfirmed: numberOption({ min: 1, max: 1_000_000, integer: true }),
  linger: durationOption('20ms'),
  flushTimeout: durationOption('1m'),
  coalesce: flagOption(true),
  retry: retryOption,
  ownershipTtl: durationOption('10s'),
  drainTimeout: durationOption('10s'),
} satisfies OptionTable<WriteBehindWorkerOptions<any, any>>

/**
 * Creates a worker that carries the writes of a `createWriteBehind` queue to the database. The
 * workers of a prefix share its partitions evenly. A partition has one owner at a time. The
 * partitions of a dead worker are taken over within 4/3 of `ownershipTtl`.
 *
 * @throws {InvalidOptionError} if an option is wrong. It names the option.
 * @example
 * const worker = createWriteBehindWorker({
 *   client, prefix: 'users', flush: (writes) => db.upsertUsers(writes),
 * })
 * await worker.run({ signal })
 */
export function createWriteBehindWorker<T, Id extends WriteId = string>(
  options: WriteBehindWorkerOptions<T, Id>,
): WriteBehindWorker {
  const {
    client,
    prefix: givenPrefix,
    ownershipTtl,
    drainTimeout,
    ...checked
  } = readOptions('createWriteBehindWorker', workerOptions, options)
  const prefix = checkQueuePrefix(client, givenPrefix)
  const { flush, batchSize, linger, flushTimeout, coalesce } = checked
  const { maxUnconfirmed = Math.max(MAX_UNCONFIRMED, batchSize) } = checked
  const processing: ProcessingOptions<T, Id> = {
    client,
    prefix,
    format: new WriteFormat<T>(checked),
    flush,
    batchSize,
    maxUnconfirmed,
    linger,
    flushTimeout,
    coalesce,
    retry: retryPolicy(checked.retry),
  }
  const partitions = new Partitions(client, prefix, checked.partitions)
  let current: WorkerRun<T, Id> | undefined

  return {
    async run({ signal } = {}) {
      if (current)
        throw new UsageError(
          'run() was called while the worker is running. Abort the signal of that run first, ' +
            'or create another worker.',
        )
      current = new WorkerRun(partitions, processing, ownershipTtl)
      closeWith(client, current)
      const removeGauge = addGauge(client, 'queue', prefix, partitions, measureQueue)
      try {
        await current.run(signal, drainTimeout)
      } finally {
        current = undefined
        removeGauge()
      }
    },
    get partitions() {
      return current?.ownedIndexes ?? []
    },
  }
}

/** The default of `maxUnconfirmed`, unless `batchSize` is larger. */
const MAX_UNCONFIRMED = 1_000

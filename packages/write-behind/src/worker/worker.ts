import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, InvalidOptionError, channels, checkOptions, checkPrefix, createFormat, createToken, tell, type CacheClient, type Codec, type Duration, type Schema, type Size } from '@cache/core'
import { Partitions, type Partition, type WriteId } from '../partitions.js'
import { beatScript, claimScript, leaveScript } from '../scripts.js'
import type { Flush } from './flush.js'
import { Health } from './health.js'
import { PartitionRun, type RunOptions } from './partition-run.js'
import { checkRetry, type RetryOptions } from './retry.js'

export interface WriteBehindWorkerOptions<T, Id extends WriteId> {
  readonly client: CacheClient
  /** As in `createWriteBehind`; so are `partitions`, `codec`, `schema` and `maxValueBytes`. */
  readonly name: string
  readonly partitions?: number
  readonly codec?: Codec<T>
  readonly schema?: Schema<T>
  readonly maxValueBytes?: Size
  readonly flush: Flush<T, Id>
  /** Writes that are read, and ids that are flushed, at once. Default 500. */
  readonly batchSize?: number
  /** How long a batch that is not full waits for more. Default 20 ms. */
  readonly linger?: Duration
  /** Whether the writes of an id in a batch become one. Default true. */
  readonly coalesce?: boolean
  readonly retry?: RetryOptions
  /** How long a worker that died keeps its partitions. Default 10 s. */
  readonly leaseTtl?: Duration
  /** How long `run` waits, once it is told to stop, for flushes under way. Default 10 s. */
  readonly drainTimeout?: Duration
}

export interface WriteBehindWorker {
  /**
   * Works until the signal aborts; then it ends what is being flushed, gives its partitions back, and resolves. Redis and the database
   * may come and go meanwhile.
   */
  run(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** The partitions it has now. */
  readonly partitions: readonly number[]
}

const names = ['client', 'name', 'partitions', 'codec', 'schema', 'maxValueBytes', 'flush', 'batchSize', 'linger', 'coalesce', 'retry', 'leaseTtl', 'drainTimeout'] as const

/**
 * Brings to the database what `createWriteBehind` has queued. Promises: the workers of a name share its partitions evenly, each is one
 * worker's at a time, and a dead worker's partitions are others' within `leaseTtl` and a third of it.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const worker = createWriteBehindWorker({ client, name: 'users', flush: (writes) => db.upsertUsers(writes) })
 * await worker.run({ signal })
 */
export function createWriteBehindWorker<T, Id extends WriteId = string>(options: WriteBehindWorkerOptions<T, Id>): WriteBehindWorker {
  const check = checkOptions('createWriteBehindWorker', options, names)
  const client = check.client()
  const name = checkPrefix('name', options.name)
  const { codec, schema, maxValueBytes } = options
  const run: RunOptions<T, Id> = {
    client, name,
    format: createFormat<T>({ codec, schema, maxValueBytes }),
    flush: check.function<Flush<T, Id>>('flush', 'required'),
    batchSize: check.number('batchSize', { min: 1, max: 10_000, integer: true }, 500),
    linger: check.duration('linger', 20),
    coalesce: check.oneOf('coalesce', [true, false], true),
    retry: checkRetry(check),
  }
  const leaseTtl = check.duration('leaseTtl', 10_000)
  const drainTimeout = check.duration('drainTimeout', 10_000)
  const partitions = new Partitions(client, name, check.number('partitions', { min: 1, max: 1_024, integer: true }, 8))
  let current: Worker<T, Id> | undefined

  return {
    async run({ signal } = {}) {
      if (current) throw new InvalidOptionError('run', 'called once at a time', 'a run that goes on')
      current = new Worker(partitions, run, leaseTtl)
      try {
        await current.work(signal ?? new AbortController().signal)
        await current.drain(drainTimeout)
      } finally {
        current = undefined
      }
    },
    get partitions() {
      return current?.owned ?? []
    },
  }
}

class Worker<T, Id extends WriteId> {
  readonly #partitions: Partitions
  readonly #options: RunOptions<T, Id>
  readonly #leaseTtl: number
  readonly #token = createToken()
  readonly #health = new Health()
  readonly #runs = new Map<Partition, { readonly run: PartitionRun<T, Id>; loss: NodeJS.Timeout }>()

  constructor(partitions: Partitions, options: RunOptions<T, Id>, leaseTtl: number) {
    this.#partitions = partitions
    this.#options = options
    this.#leaseTtl = leaseTtl
  }

  get owned(): number[] {
    return [...this.#runs.keys()].map(({ index }) => index)
  }

  /** Renews and balances its partitions, three times in each lease. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#beat(signal).catch((error: unknown) => {
        if (error instanceof CacheError && (error.code === 'PARTITIONS' || error.code === 'EVICTION')) throw error
        tell(channels.error, () => ({ operation: 'write-behind worker', key: this.#partitions.workers, error }))
      })
      await sleep(this.#leaseTtl / 3, undefined, { signal }).catch(() => undefined)
    }
  }

  async drain(timeout: number): Promise<void> {
    const late = setTimeout(() => { for (const { run } of this.#runs.values()) run.lose() }, timeout)
    await Promise.all([...this.#runs.keys()].map((partition) => this.#leave(partition)))
    clearTimeout(late)
    await this.#options.client.run(beatScript, [this.#partitions.workers], [this.#token, '0']).catch(() => undefined)
  }

  async #beat(signal: AbortSignal): Promise<void> {
    await this.#partitions.agree()
    const workers = await this.#options.client.run(beatScript, [this.#partitions.workers], [this.#token, String(this.#leaseTtl)])
    if (signal.aborted) return
    const share = shareOf(this.#token, workers, this.#partitions.all.length)
    await Promise.all([...this.#runs.keys()].slice(share).map((partition) => this.#leave(partition)))
    await Promise.all([...this.#runs.keys()].map((partition) => this.#claim(partition)))
    const others = shuffled(this.#partitions.all.filter((partition) => !this.#runs.has(partition)))
    for (const partition of others) {
      if (this.#runs.size >= share) break
      await this.#claim(partition)
    }
  }

  async #claim(partition: Partition): Promise<void> {
    const asked = performance.now()
    const fence = await this.#options.client.run(claimScript, [partition.owner, partition.fence], [this.#token, String(this.#leaseTtl)])
    const had = this.#runs.get(partition)
    if (had && had.run.fence !== fence) this.#lose(partition)
    if (fence === undefined) return
    // What can't be renewed in time may have a new owner by then.
    const loss = setTimeout(() => this.#lose(partition), asked + this.#leaseTtl * SAFE_SHARE - performance.now())
    const run = this.#runs.get(partition)?.run ?? new PartitionRun(partition, fence, this.#token, this.#health, this.#options)
    clearTimeout(this.#runs.get(partition)?.loss)
    this.#runs.set(partition, { run, loss })
  }

  /** Ends the work at a partition in order, and gives it back. */
  async #leave(partition: Partition): Promise<void> {
    const had = this.#runs.get(partition)
    if (!had) return
    had.run.stop()
    await had.run.ended
    clearTimeout(this.#runs.get(partition)?.loss)
    this.#runs.delete(partition)
    await this.#options.client.run(leaveScript, [partition.owner], [this.#token]).catch(() => undefined)
  }

  #lose(partition: Partition): void {
    const had = this.#runs.get(partition)
    clearTimeout(had?.loss)
    had?.run.lose()
    this.#runs.delete(partition)
  }
}

/** How many partitions a worker should have, so that none has two more than another. */
function shareOf(token: string, workers: readonly string[], partitions: number): number {
  const place = [...workers].sort().indexOf(token)
  return Math.floor(partitions / workers.length) + (place < partitions % workers.length ? 1 : 0)
}

function shuffled<E>(all: readonly E[]): E[] {
  return all.map((one) => [Math.random(), one] as const).sort(([a], [b]) => a - b).map(([, one]) => one)
}

/** Of the ttl, counted from when it was asked for, a lease is taken to hold. */
const SAFE_SHARE = 0.9

import {
  CacheError,
  channels,
  type CacheClient,
  type Codec,
  type Duration,
  type Schema,
  type Size,
} from '@cache/core'
import { checkClient, PendingReleases, checkOptions, createToken, emit } from '@cache/core/internal'
import { pause } from '../pause.js'
import { Partitions, checkName, type Partition, type WriteId } from '../partitions.js'
import { Records } from '../records.js'
import { beatScript } from '../scripts.js'
import type { Flush } from './flush.js'
import { Health } from './health.js'
import { Liveness } from './liveness.js'
import { MARK_TTL, acquire, giveBack, leave, type Ownership } from './ownership.js'
import { PartitionRun, type RunOptions } from './partition-run.js'
import { checkRetry, type RetryOptions } from './retry.js'

export interface WriteBehindWorkerOptions<T, Id extends WriteId> {
  readonly client: CacheClient
  /**
   * As in `createWriteBehind`; so are `partitions`, `codec`, `patchCodec`, `schema` and
   * `maxValueBytes`.
   */
  readonly name: string
  readonly partitions?: number
  readonly codec?: Codec<T>
  readonly patchCodec?: Codec<any>
  readonly schema?: Schema<T>
  readonly maxValueBytes?: Size
  readonly flush: Flush<T, Id>
  /** Writes that are read, and ids that are flushed, at once. Default 500. */
  readonly batchSize?: number
  /** How long a batch that is not full waits for more. Default 20 ms. */
  readonly linger?: Duration
  /**
   * How long one call of `flush` may take. Then its signal aborts, and it counts as failed. Default
   * 1 min.
   */
  readonly flushTimeout?: Duration
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
   * Works until the signal aborts; then it ends what is being flushed, gives its partitions back,
   * and resolves. Redis and the database may come and go meanwhile.
   */
  run(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** The partitions it has now. */
  readonly partitions: readonly number[]
}

const names = [
  'client',
  'name',
  'partitions',
  'codec',
  'schema',
  'patchCodec',
  'maxValueBytes',
  'flush',
  'batchSize',
  'linger',
  'flushTimeout',
  'coalesce',
  'retry',
  'leaseTtl',
  'drainTimeout',
] as const

/**
 * A worker that brings to the database what `createWriteBehind` has queued. The workers of a name
 * share its partitions evenly. A partition has one owner at a time, and a dead worker's partitions
 * are taken over within `leaseTtl` and a third of it.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const worker = createWriteBehindWorker({ client, name: 'users', flush: (writes) => db.upsertUsers(writes) })
 * await worker.run({ signal })
 */
export function createWriteBehindWorker<T, Id extends WriteId = string>(
  options: WriteBehindWorkerOptions<T, Id>,
): WriteBehindWorker {
  const check = checkOptions('createWriteBehindWorker', options, names)
  const client = checkClient(check)
  const name = checkName(client, options.name)
  const { codec, schema, maxValueBytes, patchCodec } = options
  const run: RunOptions<T, Id> = {
    client,
    name,
    records: new Records<T>({ codec, schema, maxValueBytes, patchCodec }),
    flush: check.function<Flush<T, Id>>('flush', 'required'),
    batchSize: check.number('batchSize', { min: 1, max: 10_000, integer: true }, 500),
    linger: check.duration('linger', 20),
    flushTimeout: check.duration('flushTimeout', 60_000),
    coalesce: check.oneOf('coalesce', [true, false], true),
    retry: checkRetry(check),
  }
  const leaseTtl = check.duration('leaseTtl', 10_000)
  const drainTimeout = check.duration('drainTimeout', 10_000)
  const partitions = new Partitions(
    client,
    name,
    check.number('partitions', { min: 1, max: 1_024, integer: true }, 8),
  )
  let current: Worker<T, Id> | undefined

  return {
    async run({ signal } = {}) {
      if (current) {
        const advice = 'End that first, by its signal, or make another worker.'
        throw new CacheError(`run() was called while a run goes on. ${advice}`, { code: 'USAGE' })
      }
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

/** A partition that this worker owns, and the work at it. */
interface Owned<T, Id extends WriteId> {
  readonly ownership: Ownership
  readonly run: PartitionRun<T, Id>
  /** Set while it is being given back. */
  leaving?: Promise<void>
}

class Worker<T, Id extends WriteId> {
  readonly #partitions: Partitions
  readonly #options: RunOptions<T, Id>
  readonly #leaseTtl: number
  readonly #token = createToken()
  readonly #health = new Health()
  readonly #liveness: Liveness
  readonly #releases = new PendingReleases()
  readonly #owned = new Map<Partition, Owned<T, Id>>()
  /** Partitions that were lost in the midst of a flush that goes on. */
  readonly #busy = new Set<Partition>()
  /** Owners of which no worker has been heard, and since when. */
  readonly #silent = new Map<Partition, { readonly owner: string; readonly since: number }>()
  #attempts = 0

  constructor(partitions: Partitions, options: RunOptions<T, Id>, leaseTtl: number) {
    this.#partitions = partitions
    this.#options = options
    this.#leaseTtl = leaseTtl
    this.#liveness = new Liveness(leaseTtl * DEAD_AFTER)
  }

  get owned(): number[] {
    return [...this.#owned.keys()].map(({ index }) => index)
  }

  /**
   * Says that it is alive and takes its share of the partitions, three times in each lease. What it
   * owns is renewed meanwhile.
   */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#balance(signal).catch((error: unknown) => {
        if (
          error instanceof CacheError &&
          (error.code === 'PARTITIONS' || error.code === 'EVICTION')
        )
          throw error
        emit(channels.error, () => ({
          operation: 'write-behind worker',
          key: this.#partitions.workers,
          error,
        }))
      })
      await pause(this.#leaseTtl / 3, signal).catch(() => undefined)
    }
  }

  /**
   * Ends what is being flushed and gives the partitions back. A flush that takes longer than
   * `timeout` is told, and its partition keeps its owner until the lease ends.
   */
  async drain(timeout: number): Promise<void> {
    const late = setTimeout(() => {
      for (const { ownership, run } of [...this.#owned.values()])
        this.#lose(ownership, run, 'the worker was told to stop, and "drainTimeout" has passed')
    }, timeout)
    await Promise.all([...this.#owned.values()].map((owned) => this.#leave(owned)))
    clearTimeout(late)
    const { workers } = this.#partitions
    const go = () =>
      this.#options.client.run(beatScript, [workers], [this.#token, '0', String(MARK_TTL)])
    await go().catch(() => this.#releases.add({ key: workers, ttl: this.#leaseTtl, release: go }))
  }

  async #balance(signal: AbortSignal): Promise<void> {
    await this.#partitions.agree()
    const alive = await this.#beat()
    if (signal.aborted) return
    const share = shareOf(this.#token, alive, this.#partitions.all.length)
    const kept = [...this.#owned.values()].filter(({ leaving }) => leaving === undefined)
    for (const owned of kept.slice(share)) void this.#leave(owned)
    const others = shuffled(
      this.#partitions.all.filter(
        (partition) => !this.#owned.has(partition) && !this.#busy.has(partition),
      ),
    )
    for (const partition of others) {
      if (this.#owned.size >= share || signal.aborted) break
      await this.#acquire(partition, alive).catch((error: unknown) =>
        emit(channels.error, () => ({
          operation: 'write-behind worker',
          key: partition.owner,
          error,
        })),
      )
    }
  }

  /** The workers that are alive; what the dead ones left is forgotten. */
  async #beat(): Promise<readonly string[]> {
    const { workers } = this.#partitions
    const beat = (dead: readonly string[]) =>
      this.#options.client.run(
        beatScript,
        [workers],
        [this.#token, String(this.#leaseTtl), String(MARK_TTL), ...dead],
      )
    const { alive, dead } = this.#liveness.observe(await beat([]))
    if (dead.length > 0) await beat(dead.flat())
    return alive
  }

  async #acquire(partition: Partition, alive: readonly string[]): Promise<void> {
    // Each attempt has a token of its own, which says whose it is.
    const terms = {
      client: this.#options.client,
      partition,
      token: `${this.#token}/${++this.#attempts}`,
      ttl: this.#leaseTtl,
    }
    const silent = this.#silent.get(partition)
    const dead =
      silent && performance.now() - silent.since > this.#leaseTtl * DEAD_AFTER ? silent.owner : ''
    const acquired = await acquire(terms, dead, this.#releases, (ownership) => {
      const owned = this.#owned.get(partition)
      if (owned?.ownership === ownership)
        this.#lose(ownership, owned.run, 'the partition could not be renewed, or has another owner')
    })
    if ('owner' in acquired) return this.#refused(partition, acquired.owner, alive)
    this.#silent.delete(partition)
    const { ownership } = acquired
    this.#owned.set(partition, {
      ownership,
      run: new PartitionRun(
        partition,
        ownership.fence,
        ownership.token,
        this.#health,
        this.#options,
      ),
    })
  }

  /**
   * An owner's key ends with its ttl, unless the server's clock was set back. So whose worker is
   * silent for that long is dead.
   */
  #refused(partition: Partition, owner: string, alive: readonly string[]): void {
    const isAlive = alive.includes(owner.slice(0, owner.lastIndexOf('/')))
    if (isAlive || owner === '') this.#silent.delete(partition)
    else if (this.#silent.get(partition)?.owner !== owner)
      this.#silent.set(partition, { owner, since: performance.now() })
  }

  /** Ends the work at a partition in order, and gives it back. */
  #leave(owned: Owned<T, Id>): Promise<void> {
    return (owned.leaving ??= this.#giveBack(owned))
  }

  async #giveBack({ ownership, run }: Owned<T, Id>): Promise<void> {
    const { partition, token } = ownership
    run.stop()
    await run.ended
    if (this.#owned.get(partition)?.ownership !== ownership) return // it was lost meanwhile
    ownership.end()
    this.#owned.delete(partition)
    const { client } = this.#options
    await leave(client, partition, token).catch(() =>
      giveBack({ client, partition, token, ttl: this.#leaseTtl }, this.#releases),
    )
  }

  /**
   * The partition is, or may soon be, another worker's. It is neither given back nor acquired again
   * while a flush of it goes on.
   */
  #lose(ownership: Ownership, run: PartitionRun<T, Id>, why: string): void {
    const { partition, token } = ownership
    ownership.end()
    this.#owned.delete(partition)
    run.lose(why)
    this.#busy.add(partition)
    void Promise.all([run.ended, run.quiet]).finally(() => {
      this.#busy.delete(partition)
      giveBack(
        { client: this.#options.client, partition, token, ttl: this.#leaseTtl },
        this.#releases,
      )
    })
  }
}

/** How many partitions a worker should have, so that none has two more than another. */
function shareOf(token: string, workers: readonly string[], partitions: number): number {
  const index = [...workers].sort().indexOf(token)
  return Math.floor(partitions / workers.length) + (index < partitions % workers.length ? 1 : 0)
}

function shuffled<E>(all: readonly E[]): E[] {
  return all
    .map((one) => [Math.random(), one] as const)
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one)
}

/**
 * A worker that gives no sign of life for so many ttls is dead, also where the server's clock was
 * set back.
 */
const DEAD_AFTER = 4 / 3

import { CacheError, channels } from '@cache/core'
import {
  PendingReleases,
  createToken,
  emit,
  onAbort,
  sleepUnlessAborted,
  timerDelay,
} from '@cache/core/internal'
import type { Partition, Partitions, WriteId } from '../partitions.js'
import { heartbeatScript } from '../scripts.js'
import { DatabaseHealth } from './database-health.js'
import { Liveness } from './liveness.js'
import {
  MARK_TTL,
  acquirePartition,
  releaseEventually,
  releasePartition,
  type Ownership,
} from './ownership.js'
import { PartitionProcessor } from './partition-processor.js'
import type { ProcessingOptions } from './processing-options.js'
import { UnconfirmedWrites } from './unconfirmed-writes.js'

/** A partition that the worker owns. */
interface OwnedPartition<T, Id extends WriteId> {
  readonly ownership: Ownership
  readonly processor: PartitionProcessor<T, Id>
  /** Set while the partition is being given back. */
  releasing?: Promise<void>
}

/**
 * One run of a worker. It sends heartbeats, acquires its share of the partitions and processes
 * their queues.
 */
export class WorkerRun<T, Id extends WriteId> {
  readonly #partitions: Partitions
  readonly #options: ProcessingOptions<T, Id>
  readonly #ownershipTtl: number
  readonly #token = createToken()
  readonly #health = new DatabaseHealth()
  readonly #unconfirmed: UnconfirmedWrites
  readonly #liveness: Liveness
  readonly #releases = new PendingReleases()
  readonly #owned = new Map<Partition, OwnedPartition<T, Id>>()
  /** Partitions that were lost during a flush that is still running. */
  readonly #stillFlushing = new Set<Partition>()
  /** The owners of partitions that send no heartbeats, and since when. */
  readonly #silentOwners = new Map<Partition, { readonly owner: string; readonly since: number }>()
  /** Numbers the attempts to acquire a partition. */
  #attempts = 0
  readonly #stop = new AbortController()
  #ended: Promise<void> | undefined

  constructor(partitions: Partitions, options: ProcessingOptions<T, Id>, ownershipTtl: number) {
    this.#partitions = partitions
    this.#options = options
    this.#unconfirmed = new UnconfirmedWrites(options.maxUnconfirmed)
    this.#ownershipTtl = ownershipTtl
    this.#liveness = new Liveness(ownershipTtl * DEAD_AFTER_TTLS)
  }

  get ownedIndexes(): number[] {
    return [...this.#owned.keys()].map(({ index }) => index)
  }

  /** Works until the signal aborts or `close` is called, and then drains. */
  run(signal: AbortSignal | undefined, drainTimeout: number): Promise<void> {
    const stopListening = signal && onAbort(signal, () => this.#stop.abort())
    return (this.#ended = this.#work(this.#stop.signal)
      .then(() => this.#drain(drainTimeout))
      .finally(stopListening))
  }

  /** Stops the run. Resolves when it has ended. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended?.catch(() => undefined)
  }

  /**
   * Sends a heartbeat and acquires the worker's share of the partitions, three times in each
   * `ownershipTtl`, until the signal aborts. Each ownership is renewed independently of this.
   */
  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#balance(signal).catch((error: unknown) => {
        const isMisconfigured =
          error instanceof CacheError && (error.code === 'PARTITIONS' || error.code === 'EVICTION')
        if (isMisconfigured) throw error
        this.#report(this.#partitions.workers, error)
      })
      await sleepUnlessAborted(this.#ownershipTtl / 3, signal)
    }
  }

  /**
   * Finishes the running flushes and gives the partitions back. After `timeout` milliseconds the
   * signal of a running flush aborts, and its partition keeps its owner until the ttl has passed.
   */
  async #drain(timeout: number): Promise<void> {
    const timer = setTimeout(() => {
      for (const { ownership, processor } of [...this.#owned.values()])
        this.#lose(
          ownership,
          processor,
          'the worker was told to stop, and "drainTimeout" has passed',
        )
    }, timerDelay(timeout))
    await Promise.all([...this.#owned.values()].map((owned) => this.#release(owned)))
    clearTimeout(timer)
    const { workers } = this.#partitions
    const sendLeft = () =>
      this.#options.client.run(heartbeatScript, [workers], [this.#token, '0', String(MARK_TTL)])
    await sendLeft().catch(() =>
      this.#releases.add({ key: workers, ttl: this.#ownershipTtl, release: sendLeft }),
    )
  }

  /**
   * Gives partitions back if the worker has more than its share, and acquires some if it has less.
   */
  async #balance(signal: AbortSignal): Promise<void> {
    await this.#partitions.verify()
    const aliveWorkers = await this.#heartbeat()
    if (signal.aborted) return
    const share = shareOf(this.#token, aliveWorkers, this.#partitions.all.length)
    const staying = [...this.#owned.values()].filter(({ releasing }) => releasing === undefined)
    for (const owned of staying.slice(share)) void this.#release(owned)
    const candidates = shuffled(
      this.#partitions.all.filter(
        (partition) => !this.#owned.has(partition) && !this.#stillFlushing.has(partition),
      ),
    )
    for (const partition of candidates) {
      if (this.#owned.size >= share || signal.aborted) break
      await this.#acquire(partition, aliveWorkers).catch((error: unknown) =>
        this.#report(partition.owner, error),
      )
    }
  }

  /**
   * Sends a heartbeat, removes dead workers, and resolves to the tokens of those that are alive.
   */
  async #heartbeat(): Promise<readonly string[]> {
    const { workers } = this.#partitions
    const send = (dead: readonly string[]) =>
      this.#options.client.run(
        heartbeatScript,
        [workers],
        [this.#token, String(this.#ownershipTtl), String(MARK_TTL), ...dead],
      )
    const { alive, dead } = this.#liveness.observe(await send([]))
    if (dead.length > 0) await send(dead.flat())
    return alive
  }

  async #acquire(partition: Partition, aliveWorkers: readonly string[]): Promise<void> {
    const { client } = this.#options
    // Each attempt has its own token, which begins with the token of the worker.
    const token = `${this.#token}/${++this.#attempts}`
    const silent = this.#silentOwners.get(partition)
    const isOwnerDead =
      silent && performance.now() - silent.since > this.#ownershipTtl * DEAD_AFTER_TTLS
    const result = await acquirePartition(
      { client, partition, token, ttl: this.#ownershipTtl },
      isOwnerDead ? silent.owner : '',
      this.#releases,
      (ownership, reason) => {
        const owned = this.#owned.get(partition)
        if (owned?.ownership === ownership) this.#lose(ownership, owned.processor, reason)
      },
    )
    if ('owner' in result) return this.#watchOwner(partition, result.owner, aliveWorkers)
    this.#silentOwners.delete(partition)
    const { ownership } = result
    const processor = new PartitionProcessor(
      ownership,
      this.#health,
      this.#unconfirmed,
      this.#options,
    )
    this.#owned.set(partition, { ownership, processor })
  }

  /**
   * Remembers since when the owner of a partition sends no heartbeats. The key of an owner normally
   * expires, but not if the clock of the server was set back. An owner that is silent for too long
   * is dead, and so is an ownership of this worker that has ended.
   */
  #watchOwner(partition: Partition, owner: string, aliveWorkers: readonly string[]): void {
    const worker = owner.slice(0, owner.lastIndexOf('/'))
    const isOwn = worker === this.#token
    const isAlive = aliveWorkers.includes(worker) && !isOwn
    if (isAlive || owner === '') this.#silentOwners.delete(partition)
    else if (this.#silentOwners.get(partition)?.owner !== owner)
      this.#silentOwners.set(partition, { owner, since: isOwn ? -Infinity : performance.now() })
  }

  /** Finishes the processing of a partition and gives it back. */
  #release(owned: OwnedPartition<T, Id>): Promise<void> {
    return (owned.releasing ??= this.#finishAndRelease(owned))
  }

  async #finishAndRelease({ ownership, processor }: OwnedPartition<T, Id>): Promise<void> {
    const { partition, token } = ownership
    processor.stop()
    await processor.ended
    const wasLost = this.#owned.get(partition)?.ownership !== ownership
    if (wasLost) return
    ownership.end()
    this.#owned.delete(partition)
    const { client } = this.#options
    await releasePartition(client, partition, token).catch(() =>
      releaseEventually({ client, partition, token, ttl: this.#ownershipTtl }, this.#releases),
    )
  }

  /**
   * Stops processing a partition that another worker owns or may soon own. While a flush of it is
   * running, it is neither given back nor acquired again.
   */
  #lose(ownership: Ownership, processor: PartitionProcessor<T, Id>, reason: string): void {
    const { partition, token } = ownership
    ownership.end()
    this.#owned.delete(partition)
    processor.lose(reason)
    this.#stillFlushing.add(partition)
    void Promise.all([processor.ended, processor.flushEnded]).finally(() => {
      this.#stillFlushing.delete(partition)
      const { client } = this.#options
      releaseEventually({ client, partition, token, ttl: this.#ownershipTtl }, this.#releases)
    })
  }

  #report(key: string, error: unknown): void {
    emit(channels.error, () => ({ operation: 'write-behind worker', key, error }))
  }
}

/** Returns how many partitions a worker should own, so that shares differ by at most one. */
function shareOf(token: string, workers: readonly string[], partitions: number): number {
  const index = [...workers].sort().indexOf(token)
  return Math.floor(partitions / workers.length) + (index < partitions % workers.length ? 1 : 0)
}

function shuffled<E>(items: readonly E[]): E[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}

/**
 * The number of ttls after which a silent worker counts as dead, even if the clock of the server
 * was set back.
 */
const DEAD_AFTER_TTLS = 4 / 3

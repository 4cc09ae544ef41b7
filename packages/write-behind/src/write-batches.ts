import { ConnectionError, type Argument, type CacheClient } from '@cache/core'
import { Deadlines, type ReadPath } from '@cache/core/internal'
import type { DurableConnection, Shortfall } from './durable-connection.js'
import { DurabilityError } from './errors.js'
import type { Partition, Partitions } from './partitions.js'
import { queueWritesScript } from './scripts.js'
import type { Sessions } from './sessions.js'

/** A write as its script gets it. */
export interface EncodedWrite {
  /** The key of its entry. */
  readonly key: string
  readonly kind: 'write' | 'delete' | 'patch'
  /** The flags of the frame that the script makes. */
  readonly flags: number
  /** The id, and the ttl of the entry in ms. */
  readonly id: string
  readonly ttl: number
  /** The payload. For a patch, the lease and the patch follow. */
  readonly args: readonly Argument[]
}

/**
 * What became of a write. `'full'`: the queue has no room. `'overtaken'`: another write came after
 * the lease that this one depends on was taken. In both cases, nothing was written.
 */
export type WriteOutcome = 'stored' | 'full' | 'overtaken'

interface Dependencies {
  readonly client: CacheClient
  readonly partitions: Partitions
  readonly path: ReadPath<any>
  readonly sessions: Sessions
  readonly durable: DurableConnection | undefined
  readonly maxPending: number
}

/**
 * Sends the writes of a partition to Redis, those of one tick together in one call of a script
 * (group commit). While a call is under way, further writes of its partition wait for the next one.
 * So the writes of a partition are executed in the order in which they were made, and the busier a
 * partition is, the more writes share the cost of a call.
 */
export class WriteBatches {
  readonly #dependencies: Dependencies
  readonly #queues: readonly PartitionQueue[]
  readonly #deadlines = new Deadlines({ forReplies: true })
  #unsettled = 0
  /** The queues that are sent at the end of this tick. */
  #scheduled: PartitionQueue[] = []

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#queues = dependencies.partitions.all.map((partition) => ({
      partition,
      waiting: [],
      isBusy: false,
      deadline: undefined,
    }))
  }

  /**
   * Stores a write in the queue and in the cache, in one atomic step. A write that has waited for
   * `resilience.writeTimeout` and was not sent rejects with `NOT_SENT`.
   *
   * @throws {DurabilityError} if the write is in Redis, but on too few replicas.
   */
  add(partition: Partition, write: EncodedWrite): Promise<WriteOutcome> {
    const { entries } = this.#dependencies.client
    if (this.#unsettled >= entries.maxInFlight)
      return Promise.reject(entries.overloaded(this.#unsettled, write.key))
    this.#unsettled++
    const queue = this.#queues[partition.index]!
    if (!queue.isBusy) this.#schedule(queue)
    return new Promise((resolve, reject) => {
      const waiting = new WaitingWrite(write, resolve, reject)
      queue.waiting.push(waiting)
      if (!queue.deadline) this.#setDeadline(queue, waiting)
    })
  }

  /** Sends the waiting writes of a queue when the promises that are settling now have settled. */
  #schedule(queue: PartitionQueue): void {
    queue.isBusy = true
    if (this.#scheduled.length === 0) void RESOLVED.then(this.#atEndOfTick)
    this.#scheduled.push(queue)
  }

  readonly #atEndOfTick = (): void => process.nextTick(this.#sendScheduled)

  readonly #sendScheduled = (): void => {
    const queues = this.#scheduled
    this.#scheduled = []
    for (const queue of queues) void this.#sendNext(queue)
  }

  async #sendNext(queue: PartitionQueue): Promise<void> {
    const batch = takeBatch(queue)
    if (queue.deadline) this.#deadlines.done(queue.deadline)
    queue.deadline = undefined
    if (queue.waiting.length > 0) this.#setDeadline(queue, queue.waiting[0]!)
    if (batch.length > 0) await this.#send(queue.partition, batch)
    // The writes that the callers of this batch make next are sent with those that wait.
    if (queue.waiting.length > 0) this.#schedule(queue)
    else queue.isBusy = false
  }

  /** Sends a batch and settles its writes. Never rejects. */
  async #send(partition: Partition, batch: readonly WaitingWrite[]): Promise<void> {
    try {
      const { outcomes, shortfall } = await this.#execute(partition, batch)
      for (let i = 0; i < batch.length; i++) {
        const waiting = batch[i]!
        const outcome = outcomeOf[outcomes[i]!]!
        if (shortfall && outcome === 'stored')
          waiting.reject(durabilityError(waiting.write.key, shortfall))
        else waiting.resolve(outcome)
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    } finally {
      this.#unsettled -= batch.length
    }
  }

  /** Resolves to the outcome of each write, as a letter (queue-writes.lua). */
  async #execute(
    partition: Partition,
    batch: readonly WaitingWrite[],
  ): Promise<{ readonly outcomes: string; readonly shortfall: Shortfall | undefined }> {
    const { client, partitions, path, sessions, durable, maxPending } = this.#dependencies
    const keys: string[] = []
    let kinds = ''
    let flags = ''
    // No id has a line break (`createKeys`). Fewer arguments cost less to write and to receive.
    let lines = ''
    const argsOfWrites: Argument[] = []
    for (const { write } of batch) {
      keys.push(write.key)
      kinds += write.kind[0]!
      flags += String.fromCharCode(write.flags)
      lines += `${write.id}\n${write.ttl}\n`
      argsOfWrites.push(...write.args)
    }
    const { stream, pending } = partition
    let shortfall: Shortfall | undefined
    await partitions.verify()
    const outcomes = await path.changing(keys, () =>
      sessions.attempt(partition, stream, async ({ session, number, args }) => {
        const store = durable ? await durable.entries() : client.entries
        const letters = await store.changeTogether(
          queueWritesScript,
          keys,
          [...args, String(maxPending), kinds, flags, lines, ...argsOfWrites],
          [stream, pending, session],
        )
        if (durable && letters.includes('S')) shortfall = await durable.confirm(session, number)
        return letters
      }),
    )
    path.count('writes', outcomes.replaceAll(/[^S]/g, '').length)
    return { outcomes, shortfall }
  }

  /** Sets the deadline of a queue, which is that of its oldest write. */
  #setDeadline(queue: PartitionQueue, { since }: WaitingWrite): void {
    const { writeTimeout } = this.#dependencies.client.entries
    const left = since + writeTimeout - performance.now()
    queue.deadline = this.#deadlines.set(left, () => this.#giveUp(queue))
  }

  /** Rejects the writes that could not be sent in time: Redis is slow or does not answer. */
  #giveUp(queue: PartitionQueue): void {
    const { partition, waiting } = queue
    const { writeTimeout } = this.#dependencies.client.entries
    const now = performance.now()
    const inTime = waiting.findIndex(({ since }) => since + writeTimeout > now)
    const late = waiting.splice(0, inTime === -1 ? waiting.length : inTime)
    queue.deadline = undefined
    if (waiting.length > 0) this.#setDeadline(queue, waiting[0]!)
    this.#unsettled -= late.length
    for (const { write, reject } of late) {
      const { key } = write
      reject(
        new ConnectionError(
          `The write of "${key}" was not sent: earlier writes of "${partition.stream}" were not ` +
            `answered within ${writeTimeout} ms. Check that Redis answers, or allow more time.`,
          { code: 'NOT_SENT', key },
        ),
      )
    }
  }
}

/** A write, and the functions that settle the promise of its caller. */
class WaitingWrite {
  readonly write: EncodedWrite
  /** By `performance.now()`. */
  readonly since = performance.now()
  readonly resolve: (outcome: WriteOutcome) => void
  readonly reject: (error: unknown) => void

  constructor(
    write: EncodedWrite,
    resolve: WaitingWrite['resolve'],
    reject: WaitingWrite['reject'],
  ) {
    this.write = write
    this.resolve = resolve
    this.reject = reject
  }
}

/** The writes of a partition that were not sent yet. */
interface PartitionQueue {
  readonly partition: Partition
  waiting: WaitingWrite[]
  /** Whether a batch is under way, or will be sent at the end of this tick. */
  isBusy: boolean
  /** Until when the oldest of these writes must be sent. */
  deadline: ReturnType<Deadlines['set']> | undefined
}

/** Removes the next batch from a queue. */
function takeBatch(queue: PartitionQueue): WaitingWrite[] {
  const { waiting } = queue
  let length = 0
  for (let bytes = 0; length < waiting.length && length < MAX_WRITES; length++) {
    bytes += waiting[length]!.write.id.length
    for (const argument of waiting[length]!.write.args) bytes += argument.length
    if (bytes > MAX_BYTES && length > 0) break
  }
  if (length === waiting.length) queue.waiting = []
  return length === waiting.length ? waiting : waiting.splice(0, length)
}

function durabilityError(key: string, shortfall: Shortfall): DurabilityError {
  const { confirmed, required, cause } = shortfall
  return new DurabilityError(key, confirmed, required, cause)
}

const outcomeOf: Readonly<Record<string, WriteOutcome>> = { S: 'stored', F: 'full', O: 'overtaken' }
const RESOLVED = Promise.resolve()
/** A call executes at most this many writes, so that no other command waits behind a long one. */
const MAX_WRITES = 128
/** The approximate size of a call. A single larger write is sent by itself. */
const MAX_BYTES = 1024 * 1024

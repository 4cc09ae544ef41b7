import { setTimeout as sleep } from 'node:timers/promises'
import { channels, tell, type CacheClient, type Format } from '@cache/core'
import type { Partition, WriteId } from '../partitions.js'
import { headOf, recordOf, type Head, type QueuedWrite, type StreamEntry } from '../records.js'
import { buryScript, failScript, settleScript } from '../scripts.js'
import { Backlog, type Waiting } from './backlog.js'
import { coalesced, type Flush, type FlushFailure, type PendingWrite } from './flush.js'
import type { Health } from './health.js'
import type { Retry } from './retry.js'

export interface RunOptions<T, Id extends WriteId> {
  readonly client: CacheClient
  readonly name: string
  readonly format: Format<T>
  readonly flush: Flush<T, Id>
  readonly batchSize: number
  /** Ms. */
  readonly linger: number
  readonly coalesce: boolean
  readonly retry: Retry
}

/** The work at one partition, while a worker owns it: read, flush, settle. */
export class PartitionRun<T, Id extends WriteId> {
  readonly partition: Partition
  readonly fence: number
  /** Resolves when the work has ended. */
  readonly ended: Promise<void>
  readonly #options: RunOptions<T, Id>
  readonly #token: string
  readonly #health: Health
  readonly #backlog = new Backlog<T, Id>()
  readonly #stop = new AbortController()
  readonly #lost = new AbortController()
  /** Where reading goes on. */
  #cursor = '-'
  /** How many ids go into one flush: fewer while batches fail, so that what fails is found among what does not. */
  #limit: number

  constructor(partition: Partition, fence: number, token: string, health: Health, options: RunOptions<T, Id>) {
    this.partition = partition
    this.fence = fence
    this.#token = token
    this.#health = health
    this.#options = options
    this.#limit = options.batchSize
    this.ended = this.#run()
  }

  /** Takes nothing up any more; what is being flushed is brought to its end. */
  stop(): void {
    this.#stop.abort()
  }

  /** The partition is another worker's: what is being flushed is told, and its outcome is not noted. */
  lose(): void {
    this.#stop.abort()
    this.#lost.abort(new Error('the partition has another owner'))
  }

  async #run(): Promise<void> {
    const { batchSize, linger } = this.#options
    while (!this.#stop.signal.aborted) {
      try {
        let read = await this.#read()
        if (read > 0 && read < batchSize && this.#backlog.size < batchSize) {
          await this.#pause(linger)
          read += await this.#read()
        }
        const ready = this.#backlog.ready(performance.now(), this.#limit)
        if (ready.length > 0) await this.#flush(ready)
        else if (read === 0) await this.#pause(Math.min(IDLE, this.#backlog.nextIn(performance.now()) + 1))
      } catch (error) {
        tell(channels.error, () => ({ operation: 'write-behind', key: this.partition.stream, error }))
        await this.#pause(IDLE)
      }
    }
  }

  /** Reads on, as far as there is room; how many writes that were. */
  async #read(): Promise<number> {
    const { client, format, batchSize } = this.#options
    const { owner, stream } = this.partition
    const room = Math.min(batchSize, ROOM * batchSize - this.#backlog.size)
    if (room <= 0) return 0
    // Two commands, not a script, through which every write would pass: who loses the partition between them learns of it when it settles.
    const [holder, entries] = await Promise.all([
      client.send({ args: ['GET', owner], keys: [owner] }),
      client.send({ args: ['XRANGE', stream, this.#cursor, '+', 'COUNT', String(room)], keys: [stream], binary: true }) as Promise<readonly StreamEntry[]>,
    ])
    if (holder !== this.#token) {
      this.lose()
      return 0
    }
    for (const entry of entries) {
      const head = headOf(entry)
      this.#cursor = `(${head.place}`
      try {
        const write = recordOf<T, Id>(head, format)
        this.#backlog.add(write instanceof Promise ? await write : write)
      } catch (error) {
        await this.#bury(head, error, 0)
      }
    }
    return entries.length
  }

  async #flush(ready: readonly Waiting<T, Id>[]): Promise<void> {
    const { name, flush, coalesce } = this.#options
    const batch = new Map<PendingWrite<T, Id>, { readonly waiting: Waiting<T, Id>; readonly writes: readonly QueuedWrite<T, Id>[] }>()
    for (const waiting of ready) {
      const parts = coalesce ? [waiting.writes.slice()] : waiting.writes.map((write) => [write])
      for (const writes of parts) batch.set(coalesced(writes), { waiting, writes })
    }
    const started = performance.now()
    let failures: readonly FlushFailure<T, Id>[] = []
    try {
      const answer = await flush([...batch.keys()], { fence: this.fence, partition: this.partition.index, signal: this.#lost.signal })
      failures = answer ?? []
    } catch (error) {
      return this.#failed(ready, error, ready.length === 1)
    } finally {
      tell(channels.flush, () => ({ name, writes: batch.size, ms: performance.now() - started }))
    }
    this.#limit = Math.min(this.#options.batchSize, 2 * this.#limit)
    const failed = new Map<string, unknown>()
    const settled: { waiting: Waiting<T, Id>; writes: readonly QueuedWrite<T, Id>[] }[] = []
    const refused = new Map(failures.map(({ write, error }) => [write, error]))
    for (const [write, { waiting, writes }] of batch) {
      if (refused.has(write) && !failed.has(waiting.id)) failed.set(waiting.id, refused.get(write))
      if (!failed.has(waiting.id)) settled.push({ waiting, writes }) // behind one that failed, an id's writes come again
    }
    await this.#settle(settled)
    for (const waiting of ready) if (failed.has(waiting.id)) await this.#failed([waiting], failed.get(waiting.id), true)
  }

  async #settle(flushed: readonly { waiting: Waiting<T, Id>; writes: readonly QueuedWrite<T, Id>[] }[]): Promise<void> {
    if (flushed.length === 0) return
    const { owner, stream, pending, settled, attempts } = this.partition
    const last = new Map<string, number>()
    let count = 0
    for (const { waiting, writes } of flushed) {
      last.set(waiting.id, writes.at(-1)!.sequence) // the later ones of an id come later
      count += writes.length
    }
    const isAll = count === this.#backlog.size
    const places = isAll ? [] : flushed.flatMap(({ writes }) => writes.map(({ place }) => place))
    const args = [this.#token, isAll ? behind(this.#cursor) : '', String(places.length), ...places]
    for (const [id, sequence] of last) args.push(id, String(sequence))
    const isLost = await this.#surely(() => this.#options.client.run(settleScript, [owner, stream, pending, settled, attempts], args))
    if (isLost !== false) return this.lose()
    for (const { waiting, writes } of flushed) {
      this.#health.succeeded(waiting.id)
      waiting.failures = 0
      this.#backlog.done(waiting, writes.length)
    }
  }

  /** `alone`: it is known to be theirs, and not that of others in the same batch. */
  async #failed(ready: readonly Waiting<T, Id>[], error: unknown, alone: boolean): Promise<void> {
    const { client, retry } = this.#options
    tell(channels.error, () => ({ operation: 'flush', key: this.partition.stream, error }))
    if (!alone) this.#limit = Math.max(1, Math.floor(Math.min(this.#limit, ready.length) / 2))
    for (const waiting of ready) {
      const blamed = this.#health.blames(waiting.id, waiting.successesSeen) && alone
      waiting.successesSeen = this.#health.successes
      waiting.failures++
      waiting.notBefore = performance.now() + retry.pause(waiting.failures)
      if (!blamed) continue
      const { owner, attempts } = this.partition
      const count = await this.#surely(() => client.run(failScript, [owner, attempts], [this.#token, waiting.id]))
      if (count === undefined) return this.lose()
      if (count < retry.attempts) continue
      for (const write of waiting.writes.slice()) {
        await this.#bury(write, error, count)
        this.#backlog.done(waiting, 1)
      }
      this.#health.forget(waiting.id)
    }
  }

  async #bury({ place, field, sequence }: Head, error: unknown, attempts: number): Promise<void> {
    const { owner, stream, pending, settled, attempts: failed, dead } = this.partition
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const keys = [owner, stream, pending, settled, failed, dead, this.partition.entry(field)]
    const isLost = await this.#surely(() => this.#options.client.run(buryScript, keys, [this.#token, place, field, String(sequence), text.slice(0, 1_000), String(attempts)]))
    if (isLost !== false) this.lose()
  }

  /** Until Redis answers, or the partition is lost: what was flushed is to be noted, or it would be flushed again. */
  async #surely<R>(ask: () => Promise<R>): Promise<R | undefined> {
    while (!this.#lost.signal.aborted) {
      try {
        return await ask()
      } catch (error) {
        tell(channels.error, () => ({ operation: 'write-behind', key: this.partition.stream, error }))
        await sleep(IDLE, undefined, { signal: this.#lost.signal }).catch(() => undefined)
      }
    }
    return undefined
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined)
  }
}

/** The first place behind the one that a cursor stands for. */
function behind(cursor: string): string {
  return cursor.replace(/^\((\d+)-0$/, '$1-1')
}

/** Ms between two looks at a stream in which there was nothing. */
const IDLE = 50
/** Batches that are held in memory while some of their writes wait for another attempt. */
const ROOM = 4

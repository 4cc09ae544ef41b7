import { CacheError, ServerError, channels, type CacheClient } from '@cache/core'
import { onAbort, emit } from '@cache/core/internal'
import { pause } from '../pause.js'
import type { Partition, WriteId } from '../partitions.js'
import { storedWrite, type QueuedWrite, type Records, type StreamEntry } from '../records.js'
import { buryScript, failScript, measureScript, settleScript } from '../scripts.js'
import { Backlog, type Held, type Waiting } from './backlog.js'
import { FlushAnswerError, coalesced, refusals, type Flush, type PendingWrite } from './flush.js'
import type { Health } from './health.js'
import { MARK_TTL } from './ownership.js'
import type { Retry } from './retry.js'

export interface RunOptions<T, Id extends WriteId> {
  readonly client: CacheClient
  readonly name: string
  readonly records: Records<T>
  readonly flush: Flush<T, Id>
  readonly batchSize: number
  /** Ms. */
  readonly linger: number
  /** Ms. */
  readonly flushTimeout: number
  readonly coalesce: boolean
  readonly retry: Retry
}

/** What one id contributes to a flush: groups of writes, each of which becomes one. */
interface Part<T, Id> {
  readonly waiting: Waiting<T, Id>
  readonly groups: readonly {
    readonly write: PendingWrite<T, Id>
    readonly writes: readonly QueuedWrite<T, Id>[]
  }[]
}

/**
 * The work at one partition, while a worker owns it: read, flush, settle.
 *
 * The stream has only writes that the database has not confirmed. It is read from its start to its
 * end, and again; what is held already is passed over. So a stream that came back different (a
 * restart, a failover) is read like any other.
 */
export class PartitionRun<T, Id extends WriteId> {
  readonly partition: Partition
  /** Resolves when the work has ended. A flush that was given up may still be under way. */
  readonly ended: Promise<void>
  readonly #fence: number
  readonly #options: RunOptions<T, Id>
  readonly #token: string
  readonly #health: Health
  readonly #backlog: Backlog<T, Id>
  readonly #stop = new AbortController()
  readonly #lost = new AbortController()
  /** Where reading goes on. */
  #cursor = START
  #restartedAt = 0
  /** Numbers the failed attempts that were counted, one after the other. */
  #failures = 0
  /**
   * How many ids go into one flush: fewer while batches fail, so that what fails is found among
   * what does not.
   */
  #limit: number
  #flushing: Promise<unknown> = Promise.resolve()

  constructor(
    partition: Partition,
    fence: number,
    token: string,
    health: Health,
    options: RunOptions<T, Id>,
  ) {
    this.partition = partition
    this.#fence = fence
    this.#token = token
    this.#health = health
    this.#options = options
    this.#limit = options.batchSize
    this.#backlog = new Backlog(Math.max(ROOM * options.batchSize, MIN_ROOM))
    this.ended = this.#run()
  }

  /**
   * Resolves when no call of `flush` is under way any more, or the last one has used up its time.
   */
  get quiet(): Promise<unknown> {
    return this.#flushing
  }

  /** Takes nothing up any more; what is being flushed is brought to its end. */
  stop(): void {
    this.#stop.abort()
  }

  /**
   * The partition is another worker's: what is being flushed is told, and its outcome is not noted.
   */
  lose(why: string): void {
    this.#stop.abort()
    this.#lost.abort(new Error(why))
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
        else if (read === 0)
          await this.#pause(Math.min(IDLE, this.#backlog.nextIn(performance.now()) + 1))
      } catch (error) {
        emit(channels.error, () => ({
          operation: 'write-behind',
          key: this.partition.stream,
          error,
        }))
        // A stream of another type is deleted by whatever script looks at it.
        if (error instanceof ServerError && error.code === 'WRONGTYPE')
          await this.#options.client
            .run(measureScript, [this.partition.stream, this.partition.owner], [])
            .catch(() => undefined)
        await this.#pause(IDLE)
      }
    }
    for (const id of this.#backlog.ids) this.#health.forget(id)
  }

  /** Reads on, as far as there is room; how many entries that were. */
  async #read(): Promise<number> {
    const { client, records, batchSize } = this.#options
    const { owner, stream } = this.partition
    if (this.#backlog.size === 0 && !this.#backlog.lacks) this.#restart()
    const room = this.#backlog.room(batchSize)
    if (room <= 0) return 0
    // Two commands, not a script, through which every write would pass: a worker that loses the
    // partition between them learns of it when it settles.
    const [holder, entries] = await Promise.all([
      client.send({ args: ['GET', owner], keys: [owner] }),
      client.send({
        args: ['XRANGE', stream, this.#cursor, '+', 'COUNT', String(room)],
        keys: [stream],
        binary: true,
      }) as Promise<readonly StreamEntry[]>,
    ])
    if (holder !== this.#token) {
      this.lose('the partition has another owner')
      return 0
    }
    let added = 0
    const foreign: string[] = []
    for (const entry of entries) {
      const stored = storedWrite(this.partition, entry)
      this.#cursor = `(${entry[0].toString('latin1')}`
      if (!stored) {
        foreign.push(entry[0].toString('latin1'))
        continue
      }
      if (!this.#backlog.wants(stored)) continue
      const write = records.decode<Id>(this.partition, stored)
      this.#backlog.add(write instanceof Promise ? await write : write)
      added++
    }
    if (foreign.length > 0) await this.#drop(foreign)
    const isAtEnd = entries.length < room
    if (isAtEnd && (this.#backlog.lacks || performance.now() - this.#restartedAt > RESTART))
      this.#restart()
    return isAtEnd ? added : entries.length
  }

  /**
   * Takes out what is in the stream and no write of ours: it can neither be flushed nor become a
   * dead letter.
   */
  async #drop(positions: readonly string[]): Promise<void> {
    const { owner, stream, pending, attempts, buried, replayed } = this.partition
    const error = new CacheError(
      `${positions.length} entries of "${stream}" were no writes of this package. They were deleted. Let nobody else use keys of this namespace.`,
      { code: 'FOREIGN_VALUE', key: stream },
    )
    emit(channels.error, () => ({ operation: 'write-behind', key: stream, error }))
    await this.#options.client.run(
      settleScript,
      [owner, stream, pending, attempts, buried, replayed],
      [this.#token, String(positions.length), '0', ...positions],
    )
  }

  #restart(): void {
    this.#backlog.restart()
    this.#cursor = START
    this.#restartedAt = performance.now()
  }

  async #flush(ready: readonly Waiting<T, Id>[]): Promise<void> {
    const parts: Part<T, Id>[] = []
    for (const waiting of ready) {
      const [first] = waiting.writes
      if (first && 'error' in first) await this.#bury(waiting, [first], first.error, 0)
      else parts.push(this.#partOf(waiting))
    }
    const batch = parts.flatMap(({ groups }) => groups.map(({ write }) => write))
    if (batch.length === 0 || this.#lost.signal.aborted) return
    let refused: Map<number, unknown>
    try {
      refused = refusals(batch, await this.#call(batch))
    } catch (error) {
      if (this.#lost.signal.aborted) return
      const blame =
        error instanceof FlushAnswerError ? 'named' : parts.length === 1 ? 'alone' : 'none'
      if (blame === 'none')
        this.#limit = Math.max(1, Math.floor(Math.min(this.#limit, parts.length) / 2))
      for (const { waiting, groups } of parts)
        await this.#failed(
          waiting,
          groups.flatMap(({ writes }) => writes),
          error,
          blame,
        )
      return
    }
    this.#limit = Math.min(this.#options.batchSize, 2 * this.#limit)
    // Behind one that was refused, an id's writes come again, so that they reach the database in
    // their order.
    const flushed = parts.map(({ waiting, groups }) => {
      const first = groups.findIndex(({ write }) => refused.has(write.sequence))
      return {
        waiting,
        writes: (first === -1 ? groups : groups.slice(0, first)).flatMap(({ writes }) => writes),
      }
    })
    await this.#settle(flushed.filter(({ writes }) => writes.length > 0))
    for (const { waiting, groups } of parts) {
      const failed = groups.find(({ write }) => refused.has(write.sequence))
      if (failed)
        await this.#failed(waiting, failed.writes, refused.get(failed.write.sequence), 'named')
    }
  }

  /**
   * What is flushed of an id: all that is held and can be read; one write, where its attempts are
   * used up.
   */
  #partOf(waiting: Waiting<T, Id>): Part<T, Id> {
    const unreadable = waiting.writes.findIndex((write) => 'error' in write)
    const end =
      waiting.writes[0]!.sequence <= waiting.exhausted
        ? 1
        : unreadable === -1
          ? waiting.writes.length
          : unreadable
    const writes = waiting.writes.slice(0, end) as QueuedWrite<T, Id>[]
    const groups = this.#options.coalesce ? [writes] : writes.map((write) => [write])
    return { waiting, groups: groups.map((group) => ({ write: coalesced(group), writes: group })) }
  }

  /** Calls `flush`, for no longer than it may take, and not beyond the loss of the partition. */
  async #call(batch: readonly PendingWrite<T, Id>[]): Promise<unknown> {
    const { name, flush, flushTimeout } = this.#options
    const call = new AbortController()
    const started = performance.now()
    let expire: () => void
    const expired = new Promise<void>((resolve) => {
      expire = resolve
    })
    const timer = setTimeout(() => {
      expire()
      call.abort(new Error(`flush took longer than "flushTimeout", ${flushTimeout} ms`))
    }, flushTimeout)
    const forget = onAbort(this.#lost.signal, () => call.abort(this.#lost.signal.reason))
    const stopped = new Promise<never>((_, reject) => onAbort(call.signal, reject))
    const answer = (async () =>
      flush(batch, { fence: this.#fence, partition: this.partition.index, signal: call.signal }))()
    this.#flushing = Promise.race([answer.catch(() => undefined), expired]).then(() =>
      clearTimeout(timer),
    )
    try {
      return await Promise.race([answer, stopped])
    } finally {
      forget()
      emit(channels.flush, () => ({ name, writes: batch.length, ms: performance.now() - started }))
    }
  }

  async #settle(
    flushed: readonly {
      readonly waiting: Waiting<T, Id>
      readonly writes: readonly QueuedWrite<T, Id>[]
    }[],
  ): Promise<void> {
    if (flushed.length === 0) return
    const { owner, stream, pending, attempts, buried, replayed } = this.partition
    const writes = flushed.flatMap((one) => one.writes)
    const again = writes.filter((write) => write.replayed)
    const args = [
      this.#token,
      String(writes.length),
      String(again.length),
      ...writes.map(({ position }) => position),
      ...again.flatMap(({ field, sequence }) => [field, String(sequence)]),
    ]
    for (const one of flushed) args.push(one.waiting.id, String(one.writes.at(-1)!.sequence))
    const isLost = await this.#surely(() =>
      this.#options.client.run(
        settleScript,
        [owner, stream, pending, attempts, buried, replayed],
        args,
      ),
    )
    if (isLost !== false) return this.lose('the partition has another owner')
    for (const one of flushed) {
      this.#health.succeeded(one.waiting.id)
      one.waiting.failures = 0
      one.waiting.suspicions = 0
      this.#backlog.done(one.waiting, one.writes)
    }
  }

  /**
   * Notes that an attempt at an id failed with these of its writes. `'named'`: the database refused
   * them; `'alone'`: there was nothing else in the batch, which may also have failed because the
   * database is out; `'none'`: others in the batch may be at fault.
   */
  async #failed(
    waiting: Waiting<T, Id>,
    writes: readonly QueuedWrite<T, Id>[],
    error: unknown,
    blame: 'named' | 'alone' | 'none',
  ): Promise<void> {
    const { client, retry } = this.#options
    emit(channels.error, () => ({
      operation: 'flush',
      key: this.partition.entry(waiting.id),
      error,
    }))
    const isSuspect = this.#health.blames(waiting.id, waiting.successesSeen)
    const isBlamed = (isSuspect && blame === 'alone') || blame === 'named'
    if (isSuspect && blame === 'none') waiting.suspicions++
    waiting.successesSeen = this.#health.successes
    waiting.failures++
    waiting.notBefore = performance.now() + retry.pause(waiting.failures)
    if (!isBlamed) return
    const last = writes.at(-1)!.sequence
    if (last <= waiting.exhausted) return this.#giveUp(waiting, writes, error, retry.attempts)
    const { owner, attempts } = this.partition
    const keys = [owner, attempts, this.partition.failed(this.#token)]
    const args = [this.#token, waiting.id, String(++this.#failures), String(MARK_TTL)]
    const count = await this.#surely(() => client.run(failScript, keys, args))
    if (count === undefined) return this.lose('the partition has another owner')
    if (count < retry.attempts) return
    if (writes.length === 1) return this.#giveUp(waiting, writes, error, count)
    waiting.exhausted = last
    waiting.notBefore = 0
  }

  /** The writes behind it are tried at once. */
  async #giveUp(
    waiting: Waiting<T, Id>,
    writes: readonly QueuedWrite<T, Id>[],
    error: unknown,
    attempts: number,
  ): Promise<void> {
    waiting.failures = 0
    waiting.suspicions = 0
    waiting.notBefore = 0
    await this.#bury(waiting, writes, error, attempts)
  }

  async #bury(
    waiting: Waiting<T, Id>,
    writes: readonly Held<T, Id>[],
    error: unknown,
    attempts: number,
  ): Promise<void> {
    const { owner, stream, pending, attempts: failed, dead, buried, replayed } = this.partition
    const text = (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
      0,
      1_000,
    )
    for (const { position, field, sequence } of writes) {
      const args = [this.#token, position, field, String(sequence), text, String(attempts)]
      const beside = [owner, stream, pending, failed, dead, buried, replayed]
      const isLost = await this.#surely(
        async () =>
          (
            await this.#options.client.entries.change(
              buryScript,
              [this.partition.entry(field)],
              args,
              beside,
            )
          )[0]!,
      )
      if (isLost !== false) return this.lose('the partition has another owner')
    }
    this.#backlog.done(waiting, writes)
    this.#health.forget(waiting.id)
  }

  /**
   * Until Redis answers, or the partition is lost: what was flushed is to be noted, or it would be
   * flushed again.
   */
  async #surely<R>(ask: () => Promise<R>): Promise<R | undefined> {
    while (!this.#lost.signal.aborted) {
      try {
        return await ask()
      } catch (error) {
        emit(channels.error, () => ({
          operation: 'write-behind',
          key: this.partition.stream,
          error,
        }))
        await pause(IDLE, this.#lost.signal).catch(() => undefined)
      }
    }
    return undefined
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, this.#stop.signal).catch(() => undefined)
  }
}

const START = '-'
/** Ms between two looks at a stream in which there was nothing. */
const IDLE = 50
/** Ms after which a stream is read from its start again, while writes are held. */
const RESTART = 1_000
/** Batches that are held in memory while some of their writes wait for another attempt. */
const ROOM = 4
/** Writes that may be held however small the batches are: an id that fails holds one of them. */
const MIN_ROOM = 1_000

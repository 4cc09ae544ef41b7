import type { QueuedWrite, UnreadableWrite } from '../write-format.js'

/** A write that was read from the stream. */
export type BufferedWrite<T, Id> = QueuedWrite<T, Id> | UnreadableWrite

/** The buffered writes of one id, and the state of their attempts. */
export interface IdBacklog<T, Id> {
  readonly id: string
  /** In the order of their sequences. */
  readonly writes: BufferedWrite<T, Id>[]
  /**
   * Whether further writes of the id were left in the stream. No write is added until the buffered
   * ones are done.
   */
  hasUnread: boolean
  /** The `performance.now()` of the next attempt, if the last one failed. */
  retryAt: number
  /** The number of successes of the worker at the last attempt (`DatabaseHealth.successes`). */
  successesAtLastAttempt: number
  failures: number
  /** How often the id failed in a batch with others while the database accepted other batches. */
  suspicions: number
  /**
   * The writes up to this sequence have used up their attempts. They are tried one by one, and a
   * write that fails again becomes a dead letter.
   */
  exhaustedUpTo: number
}

/**
 * Buffers the writes of a partition that were read and not flushed yet. An id that waits for its
 * next attempt does not hold back other ids: if room is needed, only its first write stays, and the
 * others are read again later.
 */
export class Backlog<T, Id> {
  readonly #byId = new Map<string, IdBacklog<T, Id>>()
  readonly #positions = new Set<string>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** The number of buffered writes. */
  get size(): number {
    return this.#positions.size
  }

  get ids(): IterableIterator<string> {
    return this.#byId.keys()
  }

  /** Whether the only writes of some id are in the stream, so that it must be read again. */
  get needsReread(): boolean {
    for (const { hasUnread, writes } of this.#byId.values())
      if (hasUnread && writes.length === 0) return true
    return false
  }

  /** Makes room for `requested` more writes. Returns how many fit. */
  makeRoom(requested: number): number {
    if (this.size + requested > this.#capacity) {
      for (const backlog of this.#byId.values()) if (backlog.failures > 0) this.#shrink(backlog)
    }
    return Math.max(0, Math.min(requested, this.#capacity - this.size))
  }

  /**
   * Whether a write of the stream can be added. It can't if it is buffered already, or if it comes
   * after a write of its id that was left in the stream.
   */
  accepts({ field, position }: { readonly field: string; readonly position: string }): boolean {
    return !this.#positions.has(position) && this.#byId.get(field)?.hasUnread !== true
  }

  add(write: BufferedWrite<T, Id>): void {
    this.#positions.add(write.position)
    let backlog = this.#byId.get(write.field)
    if (!backlog) this.#byId.set(write.field, (backlog = emptyBacklog(write.field)))
    // A write nearly always goes to the end. A replayed one goes where its sequence belongs.
    let index = backlog.writes.length
    while (index > 0 && backlog.writes[index - 1]!.sequence > write.sequence) index--
    if (index === backlog.writes.length) backlog.writes.push(write)
    else backlog.writes.splice(index, 0, write)
  }

  /**
   * Returns the ids that may be flushed now, at most `limit`, starting with the one that has waited
   * longest. A suspected id is returned alone, so that its next failure shows whether it is at
   * fault, however many other writes keep coming.
   */
  ready(now: number, limit: number): IdBacklog<T, Id>[] {
    const ready: IdBacklog<T, Id>[] = []
    for (const backlog of this.#byId.values()) {
      if (backlog.writes.length > 0 && backlog.retryAt <= now) {
        if (backlog.suspicions >= MAX_SUSPICIONS) return [backlog]
        ready.push(backlog)
      }
      if (ready.length === limit) break
    }
    return ready
  }

  /** Returns the milliseconds until the next id may be flushed. */
  timeToNext(now: number): number {
    let time = Infinity
    for (const { retryAt, writes } of this.#byId.values())
      if (writes.length > 0) time = Math.min(time, retryAt - now)
    return Math.max(0, time)
  }

  /** Removes the first writes of an id, which were flushed or became dead letters. */
  remove(backlog: IdBacklog<T, Id>, count: number): void {
    for (const { position } of backlog.writes.splice(0, count)) this.#positions.delete(position)
    if (backlog.writes.length === 0 && !backlog.hasUnread) this.#byId.delete(backlog.id)
  }

  /**
   * Prepares for reading the stream from its start. Writes that were left there can be added again.
   */
  restart(): void {
    for (const backlog of this.#byId.values()) {
      if (backlog.writes.length > 0) continue
      if (backlog.hasUnread) backlog.hasUnread = false
      else this.#byId.delete(backlog.id)
    }
  }

  /** Drops all writes of an id except the first. They are read again later. */
  #shrink(backlog: IdBacklog<T, Id>): void {
    if (backlog.writes.length < 2) return
    backlog.hasUnread = true
    for (const { position } of backlog.writes.splice(1)) this.#positions.delete(position)
  }
}

function emptyBacklog<T, Id>(id: string): IdBacklog<T, Id> {
  return {
    id,
    writes: [],
    hasUnread: false,
    retryAt: 0,
    successesAtLastAttempt: 0,
    failures: 0,
    suspicions: 0,
    exhaustedUpTo: 0,
  }
}

/** The number of failures in batches with others after which an id is flushed alone. */
const MAX_SUSPICIONS = 3

import type { QueuedWrite, UnreadableWrite } from '../records.js'

export type Held<T, Id> = QueuedWrite<T, Id> | UnreadableWrite

/** The writes of one id that wait to be flushed, by their sequence. */
export interface Waiting<T, Id> {
  readonly id: string
  readonly writes: Held<T, Id>[]
  /**
   * Further ones were left in the stream. None is added until those that are held are done with.
   */
  more: boolean
  /** Not before this moment (performance.now()): its last attempt failed. */
  notBefore: number
  /** Since when no attempt has succeeded, by the count of the worker's successes. */
  successesSeen: number
  failures: number
  /** How often it failed among others while the database took other batches. */
  suspicions: number
  /**
   * The attempts of its writes up to this sequence are used up: they are tried one by one, and one
   * that fails again is given up.
   */
  exhausted: number
}

/**
 * What a worker has read of a partition and not flushed yet. An id that waits for its next attempt
 * holds back none but itself: where room is needed, only its first write is held, and the others
 * are read again later.
 */
export class Backlog<T, Id> {
  readonly #byId = new Map<string, Waiting<T, Id>>()
  readonly #positions = new Set<string>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#positions.size
  }

  get ids(): IterableIterator<string> {
    return this.#byId.keys()
  }

  /** How many more writes may be held. */
  room(wanted: number): number {
    if (this.size + wanted > this.#capacity) {
      for (const waiting of this.#byId.values()) if (waiting.failures > 0) this.#shrink(waiting)
    }
    return Math.max(0, Math.min(wanted, this.#capacity - this.size))
  }

  /**
   * Whether a write of the stream is to be read: it is not held already, nor behind one of its id
   * that was left in the stream.
   */
  wants({ field, position }: { readonly field: string; readonly position: string }): boolean {
    return !this.#positions.has(position) && this.#byId.get(field)?.more !== true
  }

  add(write: Held<T, Id>): void {
    this.#positions.add(write.position)
    let waiting = this.#byId.get(write.field)
    if (!waiting)
      this.#byId.set(
        write.field,
        (waiting = {
          id: write.field,
          writes: [],
          more: false,
          notBefore: 0,
          successesSeen: 0,
          failures: 0,
          suspicions: 0,
          exhausted: 0,
        }),
      )
    // Nearly always the last; one that was replayed goes where its sequence says.
    let at = waiting.writes.length
    while (at > 0 && waiting.writes[at - 1]!.sequence > write.sequence) at--
    waiting.writes.splice(at, 0, write)
  }

  /**
   * Those that may be flushed now, the ones that have waited longest first; at most so many ids.
   * One that is suspected goes alone, so that its next failure says whether it is at fault, however
   * many others keep coming.
   */
  ready(now: number, most: number): Waiting<T, Id>[] {
    const ready: Waiting<T, Id>[] = []
    for (const waiting of this.#byId.values()) {
      if (waiting.writes.length > 0 && waiting.notBefore <= now) {
        if (waiting.suspicions >= MOST_SUSPICIONS) return [waiting]
        ready.push(waiting)
      }
      if (ready.length === most) break
    }
    return ready
  }

  /** Ms until one more may be flushed. */
  nextIn(now: number): number {
    let next = Infinity
    for (const { notBefore, writes } of this.#byId.values())
      if (writes.length > 0) next = Math.min(next, notBefore - now)
    return Math.max(0, next)
  }

  /** Some of an id's writes are done with. */
  done(waiting: Waiting<T, Id>, writes: readonly Held<T, Id>[]): void {
    const positions = new Set(writes.map(({ position }) => position))
    for (const position of positions) this.#positions.delete(position)
    const left = waiting.writes.filter(({ position }) => !positions.has(position))
    waiting.writes.splice(0, waiting.writes.length, ...left)
    if (left.length === 0 && !waiting.more) this.#byId.delete(waiting.id)
  }

  /** Whether an id has nothing left here but writes in the stream. */
  get lacks(): boolean {
    for (const { more, writes } of this.#byId.values()) if (more && writes.length === 0) return true
    return false
  }

  /** The stream is about to be read from its start: what was left there can be added now. */
  restart(): void {
    for (const waiting of this.#byId.values()) {
      if (waiting.writes.length > 0) continue
      if (waiting.more) waiting.more = false
      else this.#byId.delete(waiting.id)
    }
  }

  #shrink(waiting: Waiting<T, Id>): void {
    if (waiting.writes.length < 2) return
    waiting.more = true
    for (const { position } of waiting.writes.splice(1)) this.#positions.delete(position)
  }
}

/** Failures among others after which an id is flushed alone. */
const MOST_SUSPICIONS = 3

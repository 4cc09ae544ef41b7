import type { QueuedWrite } from '../records.js'

/** The writes of one id that wait to be flushed, in their order. */
export interface Waiting<T, Id> {
  readonly id: string
  readonly writes: QueuedWrite<T, Id>[]
  /** Not before this moment (performance.now()): its last attempt failed. */
  notBefore: number
  /** Since when no attempt has succeeded, by the count of the worker's successes. */
  successesSeen: number
  failures: number
}

/** What a worker has read of a partition and not flushed yet. An id that waits for its next attempt holds back none but itself. */
export class Backlog<T, Id> {
  readonly #byId = new Map<string, Waiting<T, Id>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(write: QueuedWrite<T, Id>): void {
    const waiting = this.#byId.get(write.field)
    if (waiting) waiting.writes.push(write)
    else this.#byId.set(write.field, { id: write.field, writes: [write], notBefore: 0, successesSeen: 0, failures: 0 })
    this.#size++
  }

  /** Those that may be flushed now, the ones that have waited longest first; at most so many ids. */
  ready(now: number, most: number): Waiting<T, Id>[] {
    const ready: Waiting<T, Id>[] = []
    for (const waiting of this.#byId.values()) {
      if (waiting.notBefore <= now) ready.push(waiting)
      if (ready.length === most) break
    }
    return ready
  }

  /** Ms until one more may be flushed. */
  nextIn(now: number): number {
    let next = Infinity
    for (const { notBefore } of this.#byId.values()) next = Math.min(next, notBefore - now)
    return Math.max(0, next)
  }

  /** So many of an id's writes are done with, the first ones. */
  done({ id, writes }: Waiting<T, Id>, count: number): void {
    writes.splice(0, count)
    this.#size -= count
    if (writes.length === 0) this.#byId.delete(id)
  }
}

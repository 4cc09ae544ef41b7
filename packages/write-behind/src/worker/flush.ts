import type { QueuedWrite } from '../records.js'

/** What the database is to get: the writes of one id, in one. */
export interface PendingWrite<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  /** The whole value after the last of them; `null` for a `delete`. */
  readonly value: T | null
  /** What `write` was given each time, in order, where it was merged. */
  readonly patches: readonly unknown[]
  /** Of the last of them. Grows for ever: keep it in the row, and don't apply a write whose sequence is not above it. */
  readonly sequence: number
  /** How many writes these are. */
  readonly count: number
}

export interface FlushContext {
  /** Grows each time the partition changes hands: a database that remembers it can refuse a worker that was replaced. */
  readonly fence: number
  readonly partition: number
  /** Aborts when the partition is another worker's, or the time to stop is over. */
  readonly signal: AbortSignal
}

/** A write that the database refused, while it took the others of the batch. */
export interface FlushFailure<T, Id> {
  readonly write: PendingWrite<T, Id>
  readonly error: unknown
}

/**
 * Brings a batch to the database. What it throws concerns the whole batch; what it returns, single writes of it. It may be called
 * again with what it has already done: make it idempotent, by the sequence.
 */
export type Flush<T, Id> = (writes: readonly PendingWrite<T, Id>[], context: FlushContext) => Promise<void | readonly FlushFailure<T, Id>[]> | void | readonly FlushFailure<T, Id>[]

export function coalesced<T, Id>(writes: readonly QueuedWrite<T, Id>[]): PendingWrite<T, Id> {
  const { id, kind, value, sequence } = writes.at(-1)!
  return { id, kind, value, sequence, patches: writes.filter(({ patch }) => patch !== undefined).map(({ patch }) => patch), count: writes.length }
}

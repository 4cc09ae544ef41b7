import { CacheError } from '@cache/core'
import type { QueuedWrite } from '../records.js'

/** What the database is to get: writes of one id, in one. */
export interface PendingWrite<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  /** The whole value after the last of them; `null` for a `delete`. */
  readonly value: T | null
  /** What `write` was given each time, in order, where it was merged. */
  readonly patches: readonly unknown[]
  /**
   * The sequence of each of these patches: apply a delta only where its own sequence is above that
   * of the row.
   */
  readonly patchSequences: readonly number[]
  /**
   * The sequence of the last of them. It grows for ever: keep it in the row, and don't apply a
   * write whose sequence is not above it.
   */
  readonly sequence: number
  /** How many writes these are. */
  readonly count: number
}

export interface FlushContext {
  /**
   * Grows each time the partition changes hands: a database that remembers it can refuse a worker
   * that was replaced.
   */
  readonly fence: number
  readonly partition: number
  /**
   * Aborts when the partition is another worker's, when `flushTimeout` has passed, or when the time
   * to stop is over.
   */
  readonly signal: AbortSignal
}

/**
 * A write that the database refused, while it took the others of the batch. It is named by its
 * `sequence`, by its `id` (then all of the id's writes in the batch), or by a `write` that has
 * them.
 */
export type FlushFailure<T = unknown, Id = string | number> = { readonly error: unknown } & (
  | { readonly sequence: number }
  | { readonly id: Id }
  | { readonly write: Pick<PendingWrite<T, Id>, 'sequence'> }
)

/**
 * Brings a batch to the database. What it throws concerns the whole batch; what it returns, single
 * writes of it. It may be called again with what it has already done: make it idempotent, by the
 * sequence.
 */
export type Flush<T, Id> = (
  writes: readonly PendingWrite<T, Id>[],
  context: FlushContext,
) => Promise<void | readonly FlushFailure<T, Id>[]> | void | readonly FlushFailure<T, Id>[]

/** What `flush` returned can't be understood, so nobody knows what the database has. */
export class FlushAnswerError extends CacheError {
  static override readonly kind: string = 'FlushAnswerError'
  constructor(what: string) {
    super(
      `"flush" must return nothing, or an array of { sequence, error } of writes in its batch; ${what}. Its writes count as refused.`,
      { code: 'FLUSH_ANSWER' },
    )
  }
}

export function coalesced<T, Id>(writes: readonly QueuedWrite<T, Id>[]): PendingWrite<T, Id> {
  const { id, kind, value, sequence } = writes.at(-1)!
  const patched = writes.filter((write) => write.isPatch)
  return {
    id,
    kind,
    value,
    sequence,
    patches: patched.map(({ patch }) => patch),
    patchSequences: patched.map((write) => write.sequence),
    count: writes.length,
  }
}

/** The errors of the writes that were refused, by sequence. @throws {FlushAnswerError} */
export function refusals<T, Id>(
  batch: readonly PendingWrite<T, Id>[],
  answer: unknown,
): Map<number, unknown> {
  const refused = new Map<number, unknown>()
  if (answer === undefined || answer === null) return refused
  if (!Array.isArray(answer)) throw new FlushAnswerError(`it returned ${shown(answer)}`)
  const sequences = new Set(batch.map(({ sequence }) => sequence))
  for (const failure of answer as readonly unknown[]) {
    if (typeof failure !== 'object' || failure === null || !('error' in failure))
      throw new FlushAnswerError(`one element is ${shown(failure)}`)
    const { error, id, sequence, write } = failure as {
      error: unknown
      id?: unknown
      sequence?: unknown
      write?: { sequence?: unknown } | null
    }
    const named = sequence ?? write?.sequence
    const found =
      named === undefined
        ? batch.filter((one) => one.id === id).map((one) => one.sequence)
        : sequences.has(named as number)
          ? [named as number]
          : []
    if (found.length === 0) throw new FlushAnswerError('one element names no write of its batch')
    for (const one of found) refused.set(one, error)
  }
  return refused
}

function shown(value: unknown): string {
  return Array.isArray(value)
    ? 'an array'
    : value === null
      ? 'null'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`
}

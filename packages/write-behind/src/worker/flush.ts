import { CacheError } from '@cache/core'
import type { QueuedWrite } from '../write-format.js'

/** A write that the database has to receive: one or several queued writes of one id. */
export interface PendingWrite<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  /** The whole value after the last of the queued writes. `null` for a `delete`. */
  readonly value: T | null
  /** The patches that were passed to `update`, in order, for the queued writes that were merged. */
  readonly patches: readonly unknown[]
  /**
   * The sequence of each of these patches. If a patch is a delta, apply it only if its own sequence
   * is above the sequence of the row.
   */
  readonly patchSequences: readonly number[]
  /**
   * The sequence of the last of the queued writes. Sequences always grow. Keep it in the row, and
   * do not apply a write whose sequence is not above it.
   */
  readonly sequence: number
  /** The number of queued writes. */
  readonly count: number
}

/** What `flush` receives in addition to the batch. */
export interface FlushContext {
  /**
   * A number that grows each time the partition changes its owner. A database that remembers it can
   * refuse a worker that was replaced.
   */
  readonly fence: number
  readonly partition: number
  /**
   * Aborts when another worker owns the partition, when `flushTimeout` has passed, or when the
   * worker was told to stop and `drainTimeout` has passed.
   */
  readonly signal: AbortSignal
}

/**
 * A write that the database refused while it accepted others of the batch. You name it by its
 * `sequence`, by its `id` (then all writes of the id in the batch are refused), or by a `write`
 * that has its sequence.
 */
export type FlushFailure<T = unknown, Id = string | number> = { readonly error: unknown } & (
  | { readonly sequence: number }
  | { readonly id: Id }
  | { readonly write: Pick<PendingWrite<T, Id>, 'sequence'> }
)

/**
 * Writes a batch to the database. If it throws, the whole batch failed. If it returns failures,
 * only these writes failed. It may be called again with writes that it has already carried out, so
 * make it idempotent with the sequence.
 */
export type Flush<T, Id> = (
  writes: readonly PendingWrite<T, Id>[],
  context: FlushContext,
) => Promise<void | readonly FlushFailure<T, Id>[]> | void | readonly FlushFailure<T, Id>[]

/**
 * `flush` returned something other than nothing or an array of failures. The worker then cannot
 * know what the database has.
 */
export class FlushAnswerError extends CacheError {
  static override readonly kind: string = 'FlushAnswerError'
  constructor(problem: string) {
    super(
      '"flush" must return nothing, or an array of { sequence, error } of writes in its batch, ' +
        `but ${problem}. The writes of the batch count as refused.`,
      { code: 'FLUSH_ANSWER' },
    )
  }
}

/** Combines queued writes of one id into one write. */
export function coalesce<T, Id>(writes: readonly QueuedWrite<T, Id>[]): PendingWrite<T, Id> {
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

/**
 * Parses what `flush` returned. Returns the errors of the refused writes by their sequences.
 *
 * @throws {FlushAnswerError}
 */
export function parseFailures<T, Id>(
  batch: readonly PendingWrite<T, Id>[],
  answer: unknown,
): Map<number, unknown> {
  const refused = new Map<number, unknown>()
  if (answer === undefined || answer === null) return refused
  if (!Array.isArray(answer)) throw new FlushAnswerError(`it returned ${describe(answer)}`)
  const batchSequences = new Set(batch.map((write) => write.sequence))
  for (const failure of answer as readonly unknown[]) {
    if (typeof failure !== 'object' || failure === null || !('error' in failure))
      throw new FlushAnswerError(`one element is ${describe(failure)}`)
    const { error, id, sequence, write } = failure as {
      error: unknown
      id?: unknown
      sequence?: unknown
      write?: { sequence?: unknown } | null
    }
    const named = sequence ?? write?.sequence
    const sequences =
      named === undefined
        ? batch.filter((candidate) => candidate.id === id).map((match) => match.sequence)
        : batchSequences.has(named as number)
          ? [named as number]
          : []
    if (sequences.length === 0)
      throw new FlushAnswerError('one element names no write of its batch')
    for (const refusedSequence of sequences) refused.set(refusedSequence, error)
  }
  return refused
}

function describe(value: unknown): string {
  return Array.isArray(value)
    ? 'an array'
    : value === null
      ? 'null'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`
}

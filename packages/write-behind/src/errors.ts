import { CacheError } from '@cache/core'
import { summaryOf } from '@cache/core/internal'

/**
 * The partition already has `maxPending` writes that the database does not have yet. Nothing was
 * written. Try again later, or write less.
 */
export class BackpressureError extends CacheError {
  static override readonly kind: string = 'BackpressureError'
  constructor(key: string, maxPending: number) {
    super(
      `The queue of "${key}" is full: ${maxPending} writes ("maxPending") wait for the database. ` +
        'Nothing was written. Check that a worker is running and that the database keeps up.',
      { code: 'BACKPRESSURE', key },
    )
  }
}

/**
 * The write is in Redis (`stored: true`) and will be flushed, but too few replicas have confirmed
 * it. A failover may lose it.
 */
export class DurabilityError extends CacheError {
  static override readonly kind: string = 'DurabilityError'
  readonly stored = true
  constructor(key: string, confirmed: number, required: number, cause?: unknown) {
    super(
      `The write of "${key}" is in Redis, but ${confirmed} replicas have confirmed it instead of ` +
        `the ${required} of "durability". A failover may lose it.`,
      { code: 'DURABILITY', key, cause },
    )
  }
}

/** The write could not be flushed and is now a dead letter. */
export class DeadLetterError extends CacheError {
  static override readonly kind: string = 'DeadLetterError'
  constructor(key: string) {
    super(
      `A write of "${key}" could not be flushed and is now a dead letter. ` +
        'deadLetters.list() shows it with its error.',
      { code: 'DEAD_LETTER', key },
    )
  }
}

/** Some writes of a bulk call were refused. The others were acknowledged. */
export class BulkWriteError extends CacheError {
  static override readonly kind: string = 'BulkWriteError'
  readonly failures: readonly { readonly id: string | number; readonly error: unknown }[]
  constructor(
    failures: readonly { readonly id: string | number; readonly error: unknown }[],
    writes: number,
  ) {
    const [first] = failures
    super(
      `${failures.length} of ${writes} writes failed. "failures" lists their ids and errors. ` +
        `The first error: ${summaryOf(first!.error)}`,
      { code: 'BULK_WRITE', cause: first!.error },
    )
    this.failures = failures
  }
}

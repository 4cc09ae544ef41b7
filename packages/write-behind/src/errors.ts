import { CacheError } from '@cache/core'
import { summaryOf } from '@cache/core/internal'

/**
 * The partition has `maxPending` writes that the database does not have yet. Nothing was written;
 * try again later, or write less.
 */
export class BackpressureError extends CacheError {
  static override readonly kind: string = 'BackpressureError'
  constructor(key: string, maxPending: number) {
    super(
      `The queue of "${key}" is full: ${maxPending} writes ("maxPending") wait for the database. Nothing was written. See that a worker runs and that the database keeps up.`,
      { code: 'BACKPRESSURE', key },
    )
  }
}

/**
 * The write was taken (`stored: true`) and will be flushed, but too few replicas said that they
 * have it: a failover may lose it.
 */
export class DurabilityError extends CacheError {
  static override readonly kind: string = 'DurabilityError'
  readonly stored = true
  constructor(key: string, replicas: number, wanted: number, cause?: unknown) {
    super(
      `The write of "${key}" was taken, but ${replicas} replicas have confirmed it, not the ${wanted} of "durability": a failover may lose it.`,
      { code: 'DURABILITY', key, cause },
    )
  }
}

/** The write could not be flushed; it is a dead letter. */
export class DeadLetterError extends CacheError {
  static override readonly kind: string = 'DeadLetterError'
  constructor(key: string) {
    super(
      `A write of "${key}" could not be flushed: it is among the dead letters, with its error.`,
      { code: 'DEAD_LETTER', key },
    )
  }
}

/** Some writes of a bulk call were refused; the others were acknowledged. */
export class BulkWriteError extends CacheError {
  static override readonly kind: string = 'BulkWriteError'
  readonly failures: readonly { readonly id: string | number; readonly error: unknown }[]
  constructor(
    failures: readonly { readonly id: string | number; readonly error: unknown }[],
    writes: number,
  ) {
    const [first] = failures
    super(
      `${failures.length} of ${writes} writes failed; "failures" says which and why. The first: ${summaryOf(first!.error)}`,
      { code: 'BULK_WRITE', cause: first!.error },
    )
    this.failures = failures
  }
}

import { CacheError } from '@cache/core'
import { summaryOf } from '@cache/core/internal'

/**
 * Some of what an event was to invalidate was not, or it is not known. Emit it again: all of it may
 * be done twice.
 */
export class InvalidatorError extends CacheError {
  static override readonly kind: string = 'InvalidatorError'
  constructor(
    event: string,
    /** What went wrong, one error for each action that failed. */
    readonly errors: readonly unknown[],
    actions: number,
  ) {
    super(
      `${errors.length} of ${actions} actions of "${event}" failed: ${summaryOf(errors[0])} Emit it again: nothing is wrong with doing it twice.`,
      {
        code: 'INVALIDATOR',
        cause: errors[0],
      },
    )
  }
}

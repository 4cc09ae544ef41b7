import { CacheError } from '@cache/core'
import { summaryOf } from '@cache/core/internal'

/**
 * Some actions of an event failed, or their outcome is unknown. Emit the event again: every action
 * can safely run twice.
 */
export class InvalidatorError extends CacheError {
  static override readonly kind: string = 'InvalidatorError'
  constructor(
    event: string,
    /** One error for each action that failed. */
    readonly errors: readonly unknown[],
    actions: number,
  ) {
    super(
      `${errors.length} of ${actions} actions of "${event}" failed: ${summaryOf(errors[0])} ` +
        'Emit the event again: every action can safely run twice.',
      {
        code: 'INVALIDATOR',
        cause: errors[0],
      },
    )
  }
}

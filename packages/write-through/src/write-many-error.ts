import { CacheError } from '@cache/core'
import { summaryOf } from '@cache/core/internal'

/**
 * Some writes of an `updateMany` failed. `results` has the outcome of each write, in their order.
 */
export class WriteManyError<R> extends CacheError {
  static override readonly kind: string = 'WriteManyError'
  readonly #results: readonly PromiseSettledResult<R>[]
  constructor(results: readonly PromiseSettledResult<R>[]) {
    const failed = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    const first = failed[0]!.reason as unknown
    super(
      `${failed.length} of ${results.length} writes failed; ` +
        `"results" has the outcome of each. The first: ${summaryOf(first)}`,
      { code: 'WRITE_MANY', cause: first },
    )
    this.#results = results
  }

  /** The outcomes contain values, so they are not shown when the error is printed. */
  get results(): readonly PromiseSettledResult<R>[] {
    return this.#results
  }
}

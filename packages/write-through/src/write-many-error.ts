import { CacheError } from '@cache/core'

/** Some writes of an `updateMany` failed; `results` has the outcome of each, in their order. */
export class WriteManyError<R> extends CacheError {
  static override readonly kind: string = 'WriteManyError'
  constructor(readonly results: readonly PromiseSettledResult<R>[]) {
    const failed = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    const first = failed[0]!.reason as unknown
    super(`${failed.length} of ${results.length} writes failed; "results" has the outcome of each. The first: ${first instanceof Error ? first.message : String(first)}`, { code: 'WRITE_MANY', cause: first })
  }
}

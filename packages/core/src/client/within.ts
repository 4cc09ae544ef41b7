import { CacheError, summaryOf } from '../errors.js'
import { TimeLimitError, withTimeLimit } from '../util/time-limit.js'

/** Returns the result of a call, or an error if it fails or takes longer than `timeout` ms. */
export async function within<T>(timeout: number, call: () => Promise<T>): Promise<T | Error> {
  try {
    return await withTimeLimit(timeout + GRACE, call())
  } catch (error) {
    if (error instanceof TimeLimitError)
      return new CacheError(`There was no answer within ${Math.round(timeout)} ms.`, {
        code: 'TIMEOUT',
      })
    return error instanceof Error ? error : new CacheError(summaryOf(error))
  }
}

/** Ms that a driver may take to report a timeout of its own, which says more. */
const GRACE = 50

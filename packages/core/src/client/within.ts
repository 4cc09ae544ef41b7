import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, summaryOf } from '../errors.js'

/** Returns the result of a call, or an error if it fails or takes longer than `timeout` ms. */
export async function within<T>(timeout: number, call: () => Promise<T>): Promise<T | Error> {
  const stop = new AbortController()
  const timedOut = sleep(timeout + GRACE, undefined, { signal: stop.signal }).then(
    () =>
      new CacheError(`There was no answer within ${Math.round(timeout)} ms.`, { code: 'TIMEOUT' }),
    () => new CacheError('The check has ended.'),
  )
  try {
    return await Promise.race([
      call().catch((error: unknown) =>
        error instanceof Error ? error : new CacheError(summaryOf(error)),
      ),
      timedOut,
    ])
  } finally {
    stop.abort()
  }
}

/** Ms that a driver may take to report a timeout of its own, which says more. */
const GRACE = 50

import { setImmediate as socketsRead, setTimeout as sleep } from 'node:timers/promises'
import { timerDelay } from './timer-delay.js'

/** Something did not happen in time. When the time was up, the sockets were read once more. */
export class TimeLimitError extends Error {}

/**
 * Resolves to the result of `work`, or rejects with a `TimeLimitError` after `ms`.
 *
 * Sockets are read once more before it rejects: if the process was busy or stopped, the timer is
 * due before data that arrived long ago is read. With `ref: false`, the timer does not keep the
 * process alive.
 */
export async function withTimeLimit<T>(
  ms: number,
  work: Promise<T>,
  { ref = true } = {},
): Promise<T> {
  const timer = new AbortController()
  const expired = sleep(timerDelay(ms), undefined, { signal: timer.signal, ref })
    .then(() => socketsRead())
    .then(() => {
      throw new TimeLimitError(`no confirmation within ${ms} ms`)
    })
  expired.catch(() => undefined)
  try {
    return await Promise.race([work, expired])
  } finally {
    timer.abort()
  }
}

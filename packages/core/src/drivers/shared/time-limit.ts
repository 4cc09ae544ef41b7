import { setImmediate as socketsRead, setTimeout as sleep } from 'node:timers/promises'

/**
 * Something did not happen in time, although the sockets were read once more when the time was up.
 */
export class LateError extends Error {}

/**
 * The result of `work`, or a `LateError` after `ms`. Sockets are read before it rejects: where the
 * process was busy or stopped, the timer is due before what has long arrived is read. With `ref:
 * false` it does not keep the process alive.
 */
export async function within<T>(ms: number, work: Promise<T>, { ref = true } = {}): Promise<T> {
  const timer = new AbortController()
  const late = sleep(ms, undefined, { signal: timer.signal, ref })
    .then(() => socketsRead())
    .then(() => {
      throw new LateError(`no confirmation within ${ms} ms`)
    })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}

import { CommandTimeoutError } from '@cache/core'
import { Deadlines } from '@cache/core/internal'

const deadlines = new Deadlines({ forReplies: true })

/**
 * Resolves with the result of `pending` if it arrives within `ms`. Otherwise it rejects, and calls
 * `onLate` with the result if that arrives later. A busy process is not mistaken for a slow Redis:
 * see `Deadlines`.
 *
 * @throws {CommandTimeoutError} if there is no result within `ms`.
 */
export function withinDeadline<T>(
  pending: Promise<T>,
  ms: number,
  onLate: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let open = true
    const deadline = deadlines.set(ms, () => {
      open = false
      reject(
        new CommandTimeoutError(
          `Redis did not decide within ${ms} ms. Raise the "deadline" of the rate limiter if a ` +
            'round trip can take longer.',
        ),
      )
    })
    const closes = (): boolean => {
      const wasOpen = open
      open = false
      deadlines.done(deadline)
      return wasOpen
    }
    pending.then(
      (value) => (closes() ? resolve(value) : onLate(value)),
      (error: Error) => {
        if (closes()) reject(error)
      },
    )
  })
}

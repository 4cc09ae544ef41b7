import { CommandTimeoutError } from '@cache/core'
import { Deadlines } from '@cache/core/internal'

const deadlines = new Deadlines({ forReplies: true })

/**
 * Resolves with `asked` if that comes within `ms`. Otherwise it rejects, and `late` hears of what
 * comes after all. A busy process is not taken for a slow Redis, see `Deadlines`.
 */
export function inTime<T>(asked: Promise<T>, ms: number, late: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let open = true
    const deadline = deadlines.set(ms, () => {
      open = false
      reject(
        new CommandTimeoutError(`Redis has not decided within ${ms} ms, the limiter's "deadline".`),
      )
    })
    const settled = (): boolean => {
      const was = open
      open = false
      deadlines.done(deadline)
      return was
    }
    asked.then(
      (value) => (settled() ? resolve(value) : late(value)),
      (error: Error) => {
        if (settled()) reject(error)
      },
    )
  })
}

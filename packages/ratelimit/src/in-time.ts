import { CommandTimeoutError, Deadlines } from '@cache/core'

const deadlines = new Deadlines()

/**
 * What is asked for, if it comes within `ms`; else it rejects, and `late` hears of what comes after all. A timer that fires because the
 * process was busy says nothing: what has arrived meanwhile is read before.
 */
export function inTime<T>(asked: Promise<T>, ms: number, late: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let open = true
    const deadline = deadlines.set(ms, () => setImmediate(() => {
      if (!open) return
      open = false
      reject(new CommandTimeoutError(`Redis has not decided within ${ms} ms, the limiter's "deadline".`))
    }))
    const settled = (): boolean => {
      const was = open
      open = false
      deadlines.done(deadline)
      return was
    }
    asked.then((value) => (settled() ? resolve(value) : late(value)), (error: Error) => { if (settled()) reject(error) })
  })
}

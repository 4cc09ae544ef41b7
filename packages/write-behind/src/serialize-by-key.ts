import { onAbort } from '@cache/core/internal'

/**
 * Returns a function that runs the jobs of a key one at a time, in the order of the calls. The jobs
 * of different keys run concurrently. A call rejects with the signal's reason if the signal aborts
 * before its job starts. The job still runs when its turn comes, so it must check the signal first.
 */
export function serializeByKey(): <R>(
  key: string,
  job: () => Promise<R>,
  signal?: AbortSignal,
) => Promise<R> {
  const tails = new Map<string, Promise<unknown>>()
  return (key, job, signal) => {
    const previous = tails.get(key)
    let isStarted = false
    const start = (): ReturnType<typeof job> => {
      isStarted = true
      return job()
    }
    const current = previous === undefined ? start() : previous.then(start, start)
    tails.set(key, current)
    const forget = (): void => {
      if (tails.get(key) === current) tails.delete(key)
    }
    current.then(forget, forget)
    if (isStarted || signal === undefined) return current
    return new Promise((resolve, reject) => {
      const removeListener = onAbort(signal, (reason) => {
        if (!isStarted) reject(reason as Error)
      })
      current.then(resolve, reject).finally(removeListener)
    })
  }
}

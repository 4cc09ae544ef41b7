import { onAbort } from '@cache/core/internal'

/**
 * Runs the jobs of a key in the order asked, each after the one before; those of other keys
 * meanwhile. Where the signal aborts before its job's turn has come, the call rejects with its
 * reason; the job is to look at the signal first.
 */
export function oneAfterAnother(): <R>(
  key: string,
  job: () => Promise<R>,
  signal?: AbortSignal,
) => Promise<R> {
  const last = new Map<string, Promise<unknown>>()
  return (key, job, signal) => {
    const before = last.get(key)
    let isMyTurn = false
    const start = (): ReturnType<typeof job> => {
      isMyTurn = true
      return job()
    }
    const mine = before === undefined ? start() : before.then(start, start)
    last.set(key, mine)
    const forget = (): void => {
      if (last.get(key) === mine) last.delete(key)
    }
    mine.then(forget, forget)
    if (isMyTurn || signal === undefined) return mine
    return new Promise((resolve, reject) => {
      const stop = onAbort(signal, (reason) => {
        if (!isMyTurn) reject(reason as Error)
      })
      mine.then(resolve, reject).finally(stop)
    })
  }
}

/** Runs jobs, at most `most` at once, in the order asked. */
export function limitTo(most: number): <R>(job: () => R | Promise<R>) => Promise<R> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (job) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    running++
    try {
      return await job()
    } finally {
      running--
      waiting.shift()?.()
    }
  }
}

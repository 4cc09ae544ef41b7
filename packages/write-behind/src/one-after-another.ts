/** Runs the jobs of a key in the order asked, each after the one before; those of other keys meanwhile. */
export function oneAfterAnother(): <R>(key: string, job: () => Promise<R>) => Promise<R> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, job) => {
    const before = last.get(key)
    const mine = before === undefined ? job() : before.then(job, job)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}

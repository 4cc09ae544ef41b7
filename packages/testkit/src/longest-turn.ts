/**
 * Returns the longest time, in ms, for which the event loop was blocked while `work` ran. It
 * measures the CPU time of this process, so that the load of the machine makes no difference.
 * Compare the result with that of other work, because machines differ.
 *
 * @example
 * const one = await longestTurn(() => many(1_000))
 * expect(await longestTurn(() => many(100_000))).toBeLessThan(one * 10)
 */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let since = process.cpuUsage()
  const sample = (): void => {
    const { user, system } = process.cpuUsage(since)
    longest = Math.max(longest, (user + system) / 1_000)
    since = process.cpuUsage()
  }
  const timer = setInterval(sample, 1)
  try {
    await work()
    await new Promise((resolve) => setTimeout(resolve, 5))
    sample()
    return longest
  } finally {
    clearInterval(timer)
  }
}

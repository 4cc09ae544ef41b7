/**
 * The longest time, in ms, for which the event loop served nothing else while the work was done. It
 * is the CPU time of this process, so that a busy machine makes no difference; compare it with that
 * of other work, as machines differ.
 *
 * @example
 * expect(await longestTurn(() => many(100_000))).toBeLessThan(await longestTurn(() => many(1_000)) * 10)
 */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let since = process.cpuUsage()
  const look = (): void => {
    const { user, system } = process.cpuUsage(since)
    longest = Math.max(longest, (user + system) / 1_000)
    since = process.cpuUsage()
  }
  const timer = setInterval(look, 1)
  try {
    await work()
    await new Promise((resolve) => setTimeout(resolve, 5))
    look()
    return longest
  } finally {
    clearInterval(timer)
  }
}

/** Calls `work` in `count` concurrent loops until `ms` have passed. */
export async function runLoops(
  count: number,
  ms: number,
  work: (i: number) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + ms
  await Promise.all(
    Array.from({ length: count }, async (_, loop) => {
      for (let i = loop; performance.now() < deadline; i += count) await work(i)
    }),
  )
}

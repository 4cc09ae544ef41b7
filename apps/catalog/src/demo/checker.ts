/**
 * Judges reads: one that began after a write of its row was acknowledged must show at least that
 * version.
 */
export class Checker {
  readonly latencies: number[] = []
  stale = 0
  readonly #acknowledged = new Map<number | string, number>()

  wrote({ id, version }: { readonly id: number | string; readonly version: number }): void {
    this.#acknowledged.set(id, Math.max(version, this.#acknowledged.get(id) ?? 0))
  }

  async read(id: number | string, ask: () => Promise<{ readonly version: number }>): Promise<void> {
    const floor = this.#acknowledged.get(id) ?? 0
    const started = performance.now()
    const { version } = await ask()
    this.latencies.push(performance.now() - started)
    if (version < floor) this.stale++
  }

  get reads(): number {
    return this.latencies.length
  }

  percentile(share: number): number {
    const sorted = [...this.latencies].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN
  }
}

/** Runs `work` again and again in `count` loops until `ms` have passed. */
export async function loops(
  count: number,
  ms: number,
  work: (i: number) => Promise<void>,
): Promise<void> {
  const until = performance.now() + ms
  await Promise.all(
    Array.from({ length: count }, async (_, loop) => {
      for (let i = loop; performance.now() < until; i += count) await work(i)
    }),
  )
}

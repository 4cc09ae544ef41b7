/**
 * Counts stale reads. A read that began after a write of its row was acknowledged must return at
 * least that version. It also measures the latency of reads.
 */
export class ConsistencyChecker {
  readonly latencies: number[] = []
  staleReads = 0
  readonly #acknowledged = new Map<number | string, number>()

  recordWrite({ id, version }: { readonly id: number | string; readonly version: number }): void {
    this.#acknowledged.set(id, Math.max(version, this.#acknowledged.get(id) ?? 0))
  }

  async checkRead(
    id: number | string,
    read: () => Promise<{ readonly version: number }>,
  ): Promise<void> {
    const minVersion = this.#acknowledged.get(id) ?? 0
    const started = performance.now()
    const { version } = await read()
    this.latencies.push(performance.now() - started)
    if (version < minVersion) this.staleReads++
  }

  get reads(): number {
    return this.latencies.length
  }

  percentile(fraction: number): number {
    const sorted = [...this.latencies].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN
  }
}

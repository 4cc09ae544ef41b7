/**
 * The source: a number for each id that only grows, and how far each was known to have come, from
 * when on.
 */
export class Rows {
  readonly #rows = new Map<number, number>()
  readonly #acknowledged = new Map<number, { readonly row: number; readonly at: number }[]>()

  read(id: number): number {
    return this.#rows.get(id) ?? 0
  }

  change(id: number): number {
    const row = this.read(id) + 1
    this.#rows.set(id, row)
    return row
  }

  /** Whoever reads from now on is not to get less. */
  acknowledge(id: number, row: number): void {
    const known = this.#acknowledged.get(id) ?? []
    if (row > (known.at(-1)?.row ?? 0)) known.push({ row, at: performance.now() })
    this.#acknowledged.set(id, known)
  }

  /** The least that who reads now may get; with `grace`, who had that many ms to hear of it. */
  atLeast(id: number, grace = 0): number {
    const until = performance.now() - grace
    return this.#acknowledged.get(id)?.findLast(({ at }) => at <= until)?.row ?? 0
  }
}

/** Members with scores, in the order of scores and then of bytes. */
export class SortedSet {
  readonly #scores = new Map<string, number>()
  #sorted: [member: string, score: number][] | undefined

  get size(): number {
    return this.#scores.size
  }

  score(member: string): number | undefined {
    return this.#scores.get(member)
  }

  set(member: string, score: number): void {
    if (this.#scores.get(member) === score) return
    this.#scores.set(member, score)
    this.#sorted = undefined
  }

  delete(member: string): boolean {
    this.#sorted = undefined
    return this.#scores.delete(member)
  }

  /** All of them, in no order. */
  members(): IterableIterator<string> {
    return this.#scores.keys()
  }

  /** All of them, sorted. */
  entries(): readonly (readonly [member: string, score: number])[] {
    return (this.#sorted ??= [...this.#scores].sort(
      ([a, x], [b, y]) => x - y || (a < b ? -1 : a > b ? 1 : 0),
    ))
  }
}

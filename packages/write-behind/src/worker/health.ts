/**
 * Decides whose fault it is that a flush failed, where it did not name the writes at fault. If the
 * database takes other writes, it is the write's. If nothing gets through, it is the database's,
 * and no write is given up for it, except the only one there is.
 */
export class Health {
  #successes = 0
  readonly #failing = new Set<string>()

  succeeded(id: string): void {
    this.#successes++
    this.#failing.delete(id)
  }

  /**
   * Whether the failure counts against the write. `seen`: what `successes` was at its last attempt.
   */
  blames(id: string, seen: number): boolean {
    this.#failing.add(id)
    return this.#successes > seen || this.#failing.size === 1
  }

  forget(id: string): void {
    this.#failing.delete(id)
  }

  get successes(): number {
    return this.#successes
  }
}

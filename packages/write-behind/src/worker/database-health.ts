/**
 * Decides whether a failed flush is the fault of its writes or of the database, if `flush` did not
 * name the writes at fault. If the database accepts other writes, the write is at fault. If it
 * accepts nothing, the database is at fault and no write is blamed, unless it is the only one that
 * fails.
 */
export class DatabaseHealth {
  #successes = 0
  readonly #failingIds = new Set<string>()

  /** The number of ids whose writes were flushed so far. */
  get successes(): number {
    return this.#successes
  }

  recordSuccess(id: string): void {
    this.#successes++
    this.#failingIds.delete(id)
  }

  /**
   * Records that a flush with the writes of an id failed. Returns whether the writes may be at
   * fault. `successesBefore` is the value of `successes` after the id's previous attempt.
   */
  recordFailure(id: string, successesBefore: number): boolean {
    this.#failingIds.add(id)
    return this.#successes > successesBefore || this.#failingIds.size === 1
  }

  forget(id: string): void {
    this.#failingIds.delete(id)
  }
}

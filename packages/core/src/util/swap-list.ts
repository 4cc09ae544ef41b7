/** What `add` hands out, for `delete`. */
export interface Handle<T> {
  readonly item: T
  /** The bag's own business. */
  place: number
}

/**
 * Things that come and go by the thousand while few are there at a time. A `Set` in its place makes
 * its table anew every few comings and goings, and each old table keeps the one after it, and what
 * was in that, from being collected while young.
 */
export class SwapList<T> implements Iterable<T> {
  readonly #seats: Handle<T>[] = []

  get size(): number {
    return this.#seats.length
  }

  get seats(): readonly Handle<T>[] {
    return this.#seats
  }

  add(item: T): Handle<T> {
    const seat = { item, place: this.#seats.length }
    this.#seats.push(seat)
    return seat
  }

  /** Whether it was there. */
  delete(seat: Handle<T>): boolean {
    if (this.#seats[seat.place] !== seat) return false
    const last = this.#seats.pop()!
    if (last !== seat) {
      this.#seats[seat.place] = last
      last.place = seat.place
    }
    return true
  }

  /** Those that are there now, whatever becomes of them meanwhile. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#seats.map(({ item }) => item)[Symbol.iterator]()
  }
}

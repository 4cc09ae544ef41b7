/**
 * The reads of Redis under way. The result of a read is not cached if its key was invalidated after
 * the read began.
 */
export class PendingReads {
  readonly #byKey = new Map<string, PendingRead>()

  /** Begins a read of a key. */
  begin(key: string): PendingRead {
    let read = this.#byKey.get(key)
    if (read) read.readers++
    else this.#byKey.set(key, (read = { readers: 1, invalidated: false }))
    return read
  }

  /** Ends a read that `begin` returned. */
  end(key: string, read: PendingRead): void {
    read.readers--
    if (read.readers === 0 && this.#byKey.get(key) === read) this.#byKey.delete(key)
  }

  /** Marks the reads of a key as invalidated. Later reads of the key are not affected. */
  invalidate(key: string): void {
    const read = this.#byKey.get(key)
    if (!read) return
    read.invalidated = true
    this.#byKey.delete(key)
  }

  /** Marks all reads as invalidated, or those whose key matches. */
  invalidateAll(matches: (key: string) => boolean = () => true): void {
    for (const key of [...this.#byKey.keys()]) if (matches(key)) this.invalidate(key)
  }
}

/** All reads of a key that began since its last invalidation. */
export interface PendingRead {
  readers: number
  invalidated: boolean
}

/**
 * The bytes that keys take, and the order in which they were last used. Once all keys together take
 * more than `max` bytes, it names the key to evict.
 */
export class MemoryBound {
  readonly #max: number
  /** The bytes of each key; the least recently used key comes first. */
  readonly #bytes = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  get total(): number {
    return this.#total
  }

  /** The least recently used key, if there are more bytes than the bound. */
  get excess(): string | undefined {
    return this.#total > this.#max ? this.#bytes.keys().next().value : undefined
  }

  /** Makes a key the most recently used one. */
  used(key: string): void {
    const bytes = this.#bytes.get(key)
    if (bytes === undefined) return
    this.#bytes.delete(key)
    this.#bytes.set(key, bytes)
  }

  /** Sets the bytes of a key, which is the most recently used one from then on. */
  measured(key: string, bytes: number): void {
    this.removed(key)
    this.#bytes.set(key, bytes)
    this.#total += bytes
  }

  removed(key: string): void {
    this.#total -= this.#bytes.get(key) ?? 0
    this.#bytes.delete(key)
  }

  clear(): void {
    this.#bytes.clear()
    this.#total = 0
  }
}

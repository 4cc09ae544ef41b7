export interface RecentMapOptions {
  /** The maximum number of entries. */
  readonly max: number
  /** The maximum number of bytes of all keys and values together. Default: any number. */
  readonly maxBytes?: number
}

/**
 * A map that drops its oldest entries when it holds too many entries or too many bytes. Use it for
 * data under keys that come from requests: there may be any number of them, and each may be long.
 *
 * @example
 * const errors = new RecentMap<Error>({ max: 1_000, maxBytes: 1024 ** 2 })
 * errors.set(key, error)
 */
export class RecentMap<V> {
  readonly #max: number
  readonly #maxBytes: number
  readonly #entries = new Map<string, { readonly value: V; readonly bytes: number }>()
  #bytes = 0
  /**
   * Returns the keys from the oldest one on. A new iterator for each key to drop would go through
   * all the deleted entries before it.
   */
  #oldest = this.#entries.keys()

  constructor({ max, maxBytes = Infinity }: RecentMapOptions) {
    this.#max = max
    this.#maxBytes = maxBytes
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value
  }

  /** Sets an entry. `valueBytes` is the size of the value, if that depends on a request as well. */
  set(key: string, value: V, valueBytes = 0): void {
    this.delete(key)
    const bytes = key.length + valueBytes
    if (bytes > this.#maxBytes) return
    this.#entries.set(key, { value, bytes })
    this.#bytes += bytes
    while (this.#entries.size > this.#max || this.#bytes > this.#maxBytes)
      this.delete(this.#oldestKey())
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #oldestKey(): string {
    let next = this.#oldest.next()
    if (next.done) next = (this.#oldest = this.#entries.keys()).next()
    return next.value!
  }
}

import { unref } from '@cache/core/internal'
import { LRUCache } from 'lru-cache'

export interface ExpiringMapOptions<V> {
  /** The lifetime of an entry in milliseconds, counted from when it was last set. */
  readonly ttl: number
  /** The size of all entries in bytes. The least recently used entries are evicted first. */
  readonly maxBytes: number
  readonly bytesOf: (key: string, value: V) => number
}

/** A map that deletes its expired entries by itself, even if nobody reads them. */
export class ExpiringMap<V extends object> {
  readonly #entries: LRUCache<string, V>
  readonly #ttl: number
  #timer: NodeJS.Timeout | undefined

  constructor({ ttl, maxBytes, bytesOf }: ExpiringMapOptions<V>) {
    this.#ttl = Math.min(ttl, MAX_TTL)
    this.#entries = new LRUCache({
      ttl: this.#ttl,
      maxSize: maxBytes,
      sizeCalculation: (value, key) => Math.min(maxBytes, bytesOf(key, value)),
    })
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)
  }

  set(key: string, value: V): void {
    this.#entries.set(key, value)
    this.#scheduleSweep()
  }

  #scheduleSweep(): void {
    if (this.#timer !== undefined || this.#entries.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#entries.purgeStale()
      this.#scheduleSweep()
    }, this.#ttl + 1)
    unref(this.#timer)
  }
}

/**
 * One day, which is longer than any request takes. A timer of Node.js can wait for at most 24 days.
 */
const MAX_TTL = 86_400_000

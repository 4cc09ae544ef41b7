import { LRUCache } from 'lru-cache'

export interface ExpiringMapOptions<V> {
  /** Ms, from when an entry was set last. */
  readonly ttl: number
  /** The most bytes of all entries; those that were used least recently go first. */
  readonly maxBytes: number
  readonly bytesOf: (key: string, value: V) => number
}

/** A map whose entries are gone once their time is up, whether or not anybody asks for them. */
export class ExpiringMap<V extends object> {
  readonly #entries: LRUCache<string, V>
  readonly #ttl: number
  #timer: NodeJS.Timeout | undefined

  constructor({ ttl, maxBytes, bytesOf }: ExpiringMapOptions<V>) {
    this.#ttl = Math.min(ttl, LONGEST_TTL)
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
    this.#sweepLater()
  }

  #sweepLater(): void {
    if (this.#timer !== undefined || this.#entries.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#entries.purgeStale()
      this.#sweepLater()
    }, this.#ttl + 1)
    this.#timer.unref()
  }
}

/** A day: longer than any request. A timer takes no more than 24 of them. */
const LONGEST_TTL = 86_400_000

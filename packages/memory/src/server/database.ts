import { bytesOf } from './bytes-of.js'
import { MemoryBound } from './memory-bound.js'
import { wrongType } from './reply.js'
import type { Type, Values } from './values.js'

interface Stored {
  readonly type: Type
  value: Values[Type]
  /** When it ends, in ms of the server's clock; never, where it is missing. */
  expires: number | undefined
  /** Rises in the order in which keys were created, which is the order of the map. */
  readonly position: number
}

/** Keys and their values, in memory. An expired key is deleted when it is next accessed. */
export class Database {
  readonly #stored = new Map<string, Stored>()
  readonly #now: () => number
  readonly #bound: MemoryBound | undefined
  #lastPosition = 0

  /**
   * @param now The server's clock, in ms.
   * @param maxBytes How many bytes all keys may take together; `undefined`: any number.
   */
  constructor(now: () => number, maxBytes?: number) {
    this.#now = now
    this.#bound = maxBytes === undefined ? undefined : new MemoryBound(maxBytes)
  }

  /** The value, if it has this type; `undefined`: there is none. @throws {RedisError} WRONGTYPE */
  get<T extends Type>(key: string, type: T): Values[T] | undefined {
    const found = this.#find(key)
    if (found === undefined) return undefined
    if (found.type !== type) throw wrongType()
    this.#bound?.used(key)
    return found.value as Values[T]
  }

  /** The value, made by `create` where there is none. @throws {RedisError} WRONGTYPE */
  getOrCreate<T extends Type>(key: string, type: T, create: () => Values[T]): Values[T] {
    const found = this.get(key, type)
    if (found !== undefined) return found
    const value = create()
    this.set(key, type, value)
    return value
  }

  /** Puts a value in the place of whatever is there. */
  set<T extends Type>(key: string, type: T, value: Values[T], expires?: number): void {
    const position = this.#stored.get(key)?.position ?? ++this.#lastPosition
    this.#stored.set(key, { type, value, expires, position })
    this.changed(key)
  }

  /** Called when the value of a key has changed. */
  changed(key: string): void {
    const found = this.#bound && this.#stored.get(key)
    if (found) this.#bound!.measured(key, bytesOf(key, found.type, found.value))
  }

  /** The bytes that all keys take, as far as they are counted. */
  get bytes(): number {
    return this.#bound?.total ?? 0
  }

  /** Deletes the least recently used keys until the others fit. Returns the deleted ones. */
  evict(): readonly string[] {
    const evicted: string[] = []
    for (let key = this.#bound?.excess; key !== undefined; key = this.#bound!.excess) {
      this.#remove(key)
      evicted.push(key)
    }
    return evicted
  }

  /** Deletes the key if its value has no members left. */
  dropIfEmpty(key: string): void {
    const found = this.#stored.get(key)
    if (found === undefined || found.type === 'string' || found.type === 'stream') return
    const value = found.value as { size?: number; length?: number }
    if ((value.size ?? value.length) === 0) this.#remove(key)
  }

  typeOf(key: string): Type | undefined {
    return this.#find(key)?.type
  }

  delete(key: string): boolean {
    return this.#find(key) !== undefined && this.#remove(key)
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined
  }

  /** When the key expires; `undefined`: never. */
  expiresAt(key: string): number | undefined {
    return this.#find(key)?.expires
  }

  expireAt(key: string, at: number | undefined): boolean {
    const found = this.#find(key)
    if (found === undefined) return false
    if (at !== undefined && at <= this.#now()) this.#remove(key)
    else found.expires = at
    return true
  }

  keys(): string[] {
    return [...this.#stored.keys()].filter((key) => this.has(key))
  }

  /**
   * A page of keys after a position (0: from the first key), and the position to continue after (0:
   * that was the last page). A key that exists throughout a scan is in one of its pages, even if
   * other keys are created and deleted between them.
   */
  page(after: number, count: number): { readonly keys: readonly string[]; readonly next: number } {
    const keys: string[] = []
    let last = 0
    for (const [key, { position }] of this.#stored) {
      if (position <= after) continue
      if (keys.length === count) return { keys, next: last }
      if (!this.has(key)) continue
      keys.push(key)
      last = position
    }
    return { keys, next: 0 }
  }

  get size(): number {
    return this.#stored.size
  }

  clear(): void {
    this.#stored.clear()
    this.#bound?.clear()
  }

  #remove(key: string): boolean {
    this.#bound?.removed(key)
    return this.#stored.delete(key)
  }

  #find(key: string): Stored | undefined {
    const found = this.#stored.get(key)
    if (found?.expires === undefined || found.expires > this.#now()) return found
    this.#remove(key)
    return undefined
  }
}

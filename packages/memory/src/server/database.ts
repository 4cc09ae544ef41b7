import { wrongType } from './reply.js'
import type { SortedSet } from './sorted-set.js'
import type { Stream } from './stream.js'

export interface Values {
  readonly string: string
  readonly hash: Map<string, string>
  readonly list: string[]
  readonly set: Set<string>
  readonly zset: SortedSet
  readonly stream: Stream
}

export type Type = keyof Values

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
  #lastPosition = 0

  /** `now`: the server's clock, in ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The value, if it has this type; `undefined`: there is none. @throws {RedisError} WRONGTYPE */
  get<T extends Type>(key: string, type: T): Values[T] | undefined {
    const found = this.#find(key)
    if (found === undefined) return undefined
    if (found.type !== type) throw wrongType()
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
  }

  /** Deletes the key if its value has no members left. */
  dropIfEmpty(key: string): void {
    const found = this.#stored.get(key)
    if (found === undefined || found.type === 'string' || found.type === 'stream') return
    const value = found.value as { size?: number; length?: number }
    if ((value.size ?? value.length) === 0) this.#stored.delete(key)
  }

  typeOf(key: string): Type | undefined {
    return this.#find(key)?.type
  }

  delete(key: string): boolean {
    return this.#find(key) !== undefined && this.#stored.delete(key)
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
    if (at !== undefined && at <= this.#now()) this.#stored.delete(key)
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
  }

  #find(key: string): Stored | undefined {
    const found = this.#stored.get(key)
    if (found?.expires === undefined || found.expires > this.#now()) return found
    this.#stored.delete(key)
    return undefined
  }
}

import { UsageError } from '@cache/core'
import {
  choiceOption,
  readCacheOptions,
  requireFunction,
  type OptionTable,
} from '@cache/core/internal'
import { storeOptions, StoredValues, type OnOutage, type StoreOptions } from './stored-values.js'

/** Options of `createKeyvStore`. */
export interface KeyvStoreOptions extends StoreOptions {
  /**
   * What reads do while Redis does not answer. `'bypass'`: they find nothing, and the Keyv emits
   * `error`. `'reject'`: they reject, and the Keyv decides. Writes always reject. Default
   * `'bypass'`.
   */
  readonly onOutage?: OnOutage
}

/** The rows of `KeyvStoreOptions`. */
const keyvStoreOptions = {
  ...storeOptions,
  onOutage: choiceOption(['bypass', 'reject'], 'bypass'),
} satisfies OptionTable<KeyvStoreOptions>

/** One value of `setMany`. Keyv 5 passes a `ttl` in ms, and Keyv 6 the time when it expires. */
export interface KeyvStoreEntry {
  /** The key, as the Keyv passes it. */
  readonly key: string
  /** What Keyv has made of the value. */
  readonly value: unknown
  /** The ttl in ms, from Keyv 5. */
  readonly ttl?: number | undefined
  /** The time when the value expires, in ms since 1970, from Keyv 6. */
  readonly expires?: number | undefined
}

/**
 * A storage adapter for one Keyv, made by `createKeyvStore`. The Keyv calls these methods; you need
 * none of them yourself.
 */
export interface KeyvStore {
  /** Tells Keyv 5 that the store has an iterator. */
  readonly opts: Record<string, unknown>
  /** The namespace of the Keyv, which sets it. */
  namespace?: string | undefined
  /**
   * What Keyv 6 asks for, and Keyv 5 does not. Once it was read, the store keeps the contract of
   * Keyv 6: keys without a namespace, times of expiry instead of ttls, one result for each key.
   */
  readonly capabilities: {
    readonly compatible: boolean
    readonly store: 'keyvStorage'
    readonly methods: any
    readonly expires: boolean
  }
  /** Resolves to the stored value, or to `undefined`. */
  get(key: string): Promise<any>
  /** Resolves to the stored values, `undefined` where there is none. */
  getMany(keys: readonly string[]): Promise<any[]>
  /**
   * Stores a value. `life` is a ttl in ms (Keyv 5) or the time when it expires (Keyv 6). Resolves
   * to `false` if other processes kept changing the key at the same time.
   */
  set(key: string, value: unknown, life?: number): Promise<boolean>
  /** Stores many values. */
  setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]>
  /** Deletes a value. Resolves to whether there was one. */
  delete(key: string): Promise<boolean>
  /** Deletes values. Resolves to whether all existed (Keyv 5), or each of them (Keyv 6). */
  deleteMany(keys: readonly string[]): Promise<any>
  /** Resolves to whether there is a value. */
  has(key: string): Promise<boolean>
  /** Resolves to whether there is a value, for each key. */
  hasMany(keys: readonly string[]): Promise<boolean[]>
  /**
   * Deletes the values of the namespace, or of the whole prefix if the Keyv has no namespace. After
   * that, no read returns a value that was stored before.
   */
  clear(): Promise<void>
  /** Returns the keys and values of the namespace, 100 at a time. */
  iterator(): AsyncGenerator<[string, any], void>
  /** Adds a listener of `error`: reads that found nothing because Redis did not answer. */
  on(event: string, listener: (...args: any[]) => void): this
  /** Resolves when the writes under way have ended. The client stays open: it is yours. */
  disconnect(): Promise<void>
}

/**
 * Creates a storage adapter for a Keyv, version 5 or 6: `new Keyv({ store })`. Everything that
 * takes a Keyv, such as cache-manager, can then use the client, and its near cache if it has one.
 *
 * Give each Keyv a store of its own: a Keyv sets the namespace of its store.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const keyv = new Keyv({ store: createKeyvStore({ client, prefix: 'keyv' }) })
 * await keyv.set('greeting', 'hello', 60_000)
 */
export function createKeyvStore(options: KeyvStoreOptions): KeyvStore {
  return new Store(
    new StoredValues(
      'values of Keyv',
      readCacheOptions('createKeyvStore', keyvStoreOptions, options),
    ),
  )
}

class Store implements KeyvStore {
  readonly opts: Record<string, unknown> = { dialect: 'redis' }
  namespace: string | undefined = undefined
  readonly #values: StoredValues
  readonly #listeners = new Set<(error: unknown) => void>()
  #usedByKeyv6 = false

  constructor(values: StoredValues) {
    this.#values = values
  }

  get capabilities() {
    this.#usedByKeyv6 = true
    return { compatible: true, store: 'keyvStorage', methods, expires: true } as const
  }

  async get(key: string): Promise<unknown> {
    return (await this.getMany([key]))[0]
  }

  async getMany(keys: readonly string[]): Promise<unknown[]> {
    return this.#values.read(this.#keysToRead(keys), this.#emitError)
  }

  async set(key: string, value: unknown, life?: number): Promise<boolean> {
    return this.#values.write(this.#keyOf(key), value, this.#ttlOf(life))
  }

  async setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]> {
    const items = entries.map(({ key, value, ttl, expires }) => {
      const ms = this.#ttlOf(this.#usedByKeyv6 ? expires : ttl)
      return { key: this.#keyOf(key), value, ...(ms !== undefined && { ttl: ms }) }
    })
    return this.#values.writeMany(items)
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#values.delete([this.#keyOf(key)]))[0]!
  }

  async deleteMany(keys: readonly string[]): Promise<boolean | boolean[]> {
    const existed = await this.#values.delete(keys.map(this.#keyOf))
    return this.#usedByKeyv6 ? existed : existed.every(Boolean)
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined)
  }

  async clear(): Promise<void> {
    await this.#values.clear(...this.#parts())
  }

  async *iterator(): AsyncGenerator<[string, unknown], void> {
    const start = this.#usedByKeyv6 ? '' : this.#keyStart()
    for await (const batch of this.#values.keys(...this.#parts())) {
      const values = await this.#values.read(
        batch.map(({ key }) => key),
        rethrow,
      )
      for (const [i, { name }] of batch.entries())
        if (values[i] !== undefined) yield [start + name, values[i]]
    }
  }

  on(event: string, listener: (...args: any[]) => void): this {
    requireFunction('listener', listener)
    if (event === 'error') this.#listeners.add(listener)
    return this
  }

  async disconnect(): Promise<void> {
    await this.#values.idle()
  }

  /** Returns the parts that all keys of the namespace begin with. */
  #parts(): readonly string[] {
    return this.namespace ? [this.namespace] : []
  }

  #keyStart(): string {
    return this.namespace ? `${this.namespace}:` : ''
  }

  readonly #keyOf = (key: string): string => {
    if (this.#usedByKeyv6) return this.#values.keyOf(...this.#parts(), key)
    const start = this.#keyStart()
    // Keyv 5 puts the namespace before each key. If it is another one, the namespace that `clear`
    // would delete is not the one of this key.
    if (!key.startsWith(start))
      throw new UsageError(
        `The store has the namespace "${this.namespace}", but was asked for a key of another ` +
          'one. Create a store for each Keyv, and do not turn off "useKeyPrefix" of a Keyv with ' +
          'a namespace.',
      )
    return this.#values.keyOf(...this.#parts(), key.slice(start.length))
  }

  /** Keyv 5 says nothing if a read rejects. */
  #keysToRead(keys: readonly string[]): readonly string[] {
    try {
      return keys.map(this.#keyOf)
    } catch (error) {
      if (!this.#usedByKeyv6) this.#emitError(error)
      throw error
    }
  }

  /** Returns the ttl in ms of a value, from what Keyv 5 or Keyv 6 says of it. */
  #ttlOf(life: number | undefined): number | undefined {
    if (life === undefined || life === null || Number.isNaN(life)) return undefined
    // eslint-disable-next-line no-restricted-syntax -- Keyv 6 gives a time by this clock
    return this.#usedByKeyv6 ? life - Date.now() : life
  }

  readonly #emitError = (error: unknown): void => {
    for (const listener of this.#listeners) {
      try {
        listener(error)
      } catch {
        // A Keyv 6 without a listener of its own throws the error. The read has found nothing.
      }
    }
  }
}

function rethrow(error: unknown): never {
  throw error
}

const methods = Object.fromEntries(
  ['get', 'getMany', 'has', 'hasMany', 'set', 'setMany', 'delete', 'deleteMany', 'clear']
    .concat('disconnect', 'iterator')
    .map((name) => [name, { exists: true, methodType: name === 'iterator' ? 'sync' : 'async' }]),
)

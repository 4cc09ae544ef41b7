import { InvalidKeyError, UsageError } from '@cache/core'
import {
  choiceOption,
  readCacheOptions,
  requireFunction,
  type OptionTable,
} from '@cache/core/internal'
import type { KeyvStore, KeyvStoreEntry } from './keyv-contract.js'
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
    const all = keys.map(this.#keyToRead)
    const valid = all.filter((key) => key !== undefined)
    const values = await this.#values.read(valid, this.#emitError)
    let next = 0
    return all.map((key) => (key === undefined ? undefined : values[next++]))
  }

  async set(key: string, value: unknown, life?: number): Promise<boolean> {
    return this.#values.write(this.#keyOf(key), value, this.#ttlOf(life))
  }

  async setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]> {
    return this.#values.changeMany(
      entries,
      async ({ key, value, ttl, expires }) =>
        this.set(key, value, this.#usedByKeyv6 ? expires : ttl),
      this.#emitError,
    )
  }

  async delete(key: string): Promise<boolean> {
    return this.#values.delete(this.#keyOf(key))
  }

  async deleteMany(keys: readonly string[]): Promise<boolean | boolean[]> {
    const existed = await this.#values.changeMany(keys, (key) => this.delete(key), this.#emitError)
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
    for await (const found of this.#values.keys(...this.#parts())) {
      const batch = found.filter(({ key, name }) => this.#isKeyOf(key, start + name))
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

  /**
   * Returns the Redis key of a key, or `undefined` if no value can have it. Keyv 5 says nothing if
   * `get` rejects, and lets `getMany` and `has` reject.
   */
  readonly #keyToRead = (key: string): string | undefined => {
    try {
      return this.#keyOf(key)
    } catch (error) {
      this.#emitError(error)
      if (error instanceof InvalidKeyError) return undefined
      throw error
    }
  }

  /** Returns whether a Redis key is the one of `key`, and not that of another namespace. */
  #isKeyOf(redisKey: string, key: string): boolean {
    try {
      return this.#keyOf(key) === redisKey
    } catch {
      return false
    }
  }

  /** Returns the ttl in ms of a value, from what Keyv 5 or Keyv 6 says of it. */
  #ttlOf(life: number | undefined): number | undefined {
    if (life === undefined || life === null) return undefined
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

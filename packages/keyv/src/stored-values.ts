import {
  CacheError,
  channels,
  invalidateMatching,
  type CacheClient,
  type Codec,
  type GlobPattern,
  type Size,
  type Ttl,
} from '@cache/core'
import {
  checkCodec,
  checkPrefix,
  clientOption,
  createFormat,
  createKeys,
  customOption,
  emit,
  escapeGlob,
  givenOption,
  mapAtOnce,
  sizeOption,
  ttlOption,
  warnAboutSharedPrefix,
  type Entry,
  type Format,
  type MakeKey,
  type OptionTable,
} from '@cache/core/internal'
import { KeyWrites } from './key-writes.js'
import { textCodec } from './text-codec.js'

/** Options that the stores of this package have in common. */
export interface StoreOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key, after the client's namespace. No other cache may use it. */
  readonly prefix: string
  /** The ttl of values that are stored without one of their own. Default `'never'`. */
  readonly ttl?: Ttl
  /**
   * Encodes the values. Default: strings are stored as they are, Buffers as their bytes, and other
   * values as JSON.
   */
  readonly codec?: Codec<any>
  /** The maximum size of a value in bytes, both as stored and decompressed. Default 8 MiB. */
  readonly maxValueBytes?: Size
}

/** What reads do while Redis does not answer. */
export type OnOutage = 'bypass' | 'reject'

/** The rows of `StoreOptions`. */
export const storeOptions = {
  client: clientOption,
  prefix: givenOption(),
  ttl: ttlOption('never'),
  codec: customOption((codec, path) =>
    codec === undefined ? textCodec : checkCodec<unknown>(path, codec),
  ),
  maxValueBytes: sizeOption('8mb'),
} satisfies OptionTable<StoreOptions>

interface CheckedStoreOptions {
  readonly client: CacheClient
  readonly prefix: string
  readonly ttl: number
  readonly codec: Codec<unknown>
  readonly maxValueBytes: number
  readonly onOutage: OnOutage
}

/**
 * The values of one prefix. All three stores of this package are made of it. Every change is a step
 * of the entry protocol, so near caches are told.
 */
export class StoredValues {
  /** Returns the Redis key that is made of these parts. */
  readonly keyOf: MakeKey
  readonly #options: CheckedStoreOptions
  readonly #format: Format<unknown>
  readonly #writes = new KeyWrites()
  /** What all keys begin with, with and without the client's namespace. */
  readonly #start: string
  readonly #namespace: string

  /** `kind` says what the values are, in warnings. */
  constructor(kind: string, options: CheckedStoreOptions) {
    const { client, codec, maxValueBytes } = options
    const prefix = checkPrefix('prefix', options.prefix, client.namespace)
    warnAboutSharedPrefix(client, prefix, { kind, codec, schema: undefined })
    this.#options = options
    this.#format = createFormat<unknown>({ codec, maxValueBytes })
    this.keyOf = createKeys(client.namespace, prefix)
    this.#namespace = client.namespace === '' ? '' : `${client.namespace}:`
    this.#start = `${this.#namespace}${prefix}:`
  }

  /**
   * Returns the values in the order of the keys, `undefined` where there is none. With `onOutage:
   * 'bypass'`, a key that could not be read has no value either. `failed` gets the first error; it
   * may throw.
   */
  async read(
    keys: readonly string[],
    failed: (error: unknown) => void = () => undefined,
  ): Promise<unknown[]> {
    const { onOutage } = this.#options
    const entries = await this.#readEntries(keys).catch((reason: unknown) => {
      if (reason instanceof CacheError) return keys.map(() => reason)
      throw reason
    })
    const error = entries.find((entry) => entry instanceof CacheError)
    if (error !== undefined) {
      if (onOutage === 'reject') throw error
      failed(error)
      emit(channels.error, () => ({ operation: 'read', key: keys[0]!, error }))
    }
    return entries.map((entry) =>
      entry instanceof CacheError ? undefined : (entry?.value ?? undefined),
    )
  }

  /**
   * Stores a value for `ttl` ms, `Infinity`: for ever. A value without time left is deleted.
   * Resolves to `false` if other processes kept changing the key at the same time.
   */
  async write(key: string, value: unknown, ttl = this.#options.ttl): Promise<boolean> {
    const ms = Number.isNaN(ttl) ? this.#options.ttl : ttl
    if (ms <= 0) {
      await this.delete(key)
      return true
    }
    const write = { ttl: ms >= Number.MAX_SAFE_INTEGER ? Infinity : Math.ceil(ms) }
    const { entries } = this.#options.client
    return this.#writes.write(key, () => entries.put(key, this.#format, value, write))
  }

  /** Writes a value. Rejects if nothing was stored. */
  async store(key: string, value: unknown, ttl?: number): Promise<void> {
    if (await this.write(key, value, ttl)) return
    const message = `The value of "${key}" was not stored: other processes kept changing it.`
    throw new CacheError(message, { code: 'CONFLICT', key })
  }

  /** Deletes a value. Resolves to whether there was one. */
  async delete(key: string): Promise<boolean> {
    this.#writes.cancel(key)
    return (await this.#options.client.entries.invalidate([key])) > 0
  }

  /**
   * Writes or deletes many values, also if some of them fail: those have the result `false`, and
   * `failed` gets the first error. Rejects with it if all of them fail.
   */
  async changeMany<Item>(
    items: readonly Item[],
    change: (item: Item) => Promise<boolean>,
    failed: (error: unknown) => void,
  ): Promise<boolean[]> {
    const errors: unknown[] = []
    const { atOnce } = this.#options.client.entries
    const results = await mapAtOnce(items, atOnce, async (item) => {
      try {
        return await change(item)
      } catch (error) {
        errors.push(error)
        return false
      }
    })
    if (errors.length === 0) return results
    if (errors.length === items.length) throw errors[0]
    failed(errors[0])
    return results
  }

  /** Deletes all values whose keys begin with these parts. */
  async clear(...parts: readonly string[]): Promise<void> {
    const start = this.#startOf(parts)
    this.#writes.cancelAll(start)
    await invalidateMatching(this.#options.client, this.#pattern(start))
  }

  /**
   * Returns the keys that begin with these parts, in batches. Each is the Redis key and its text
   * after these parts.
   */
  async *keys(
    ...parts: readonly string[]
  ): AsyncGenerator<readonly { readonly key: string; readonly name: string }[], void> {
    const start = this.#startOf(parts)
    const batches = this.#options.client.scan(this.#pattern(start), { type: 'string' })
    for await (const batch of batches) {
      const named = batch.flatMap((key) => {
        const name = unescaped(key.slice(start.length))
        return name === undefined ? [] : [{ key, name }]
      })
      for (let i = 0; i < named.length; i += BATCH_SIZE) yield named.slice(i, i + BATCH_SIZE)
    }
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    await this.#writes.idle()
  }

  /** Reads of one key are sent together with those of other calls in this tick. */
  async #readEntries(
    keys: readonly string[],
  ): Promise<readonly (Entry<unknown> | CacheError | undefined)[]> {
    const { entries } = this.#options.client
    return keys.length === 1
      ? [await entries.read(keys[0]!, this.#format)]
      : entries.readMany(keys, this.#format)
  }

  #startOf(parts: readonly string[]): string {
    return parts.length === 0 ? this.#start : `${this.keyOf(...parts)}:`
  }

  #pattern(start: string): GlobPattern {
    return { glob: `${escapeGlob(start.slice(this.#namespace.length))}*` }
  }
}

/** The number of keys whose values are read together. */
const BATCH_SIZE = 100

/** Returns the text of a part of a key, or `undefined` if `createKeys` can't have made it. */
function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

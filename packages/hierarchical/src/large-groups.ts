import {
  CacheError,
  CodecError,
  channels,
  type CacheClient,
  type Codec,
  type Reply,
} from '@cache/core'
import {
  Undecodable,
  companion,
  createFormat,
  createToken,
  emit,
  type FormatOptions,
} from '@cache/core/internal'
import { rotateGenerationsScript, writeGroupItemsScript } from './scripts.js'

interface Dependencies<Item> {
  readonly client: CacheClient
  readonly format: FormatOptions<Item>
  /** The longest time for which a group may be cached, in ms. */
  readonly maxGroupTtl: number
}

/**
 * Stores groups that are too large to be read for one item: a hash for each generation of a group,
 * with one field for each item. The hash is complete before the group's entry names its generation,
 * and does not change after that. A large group is therefore replaced and invalidated by its entry,
 * like any other group.
 */
export class LargeGroups<Item> {
  readonly #client: CacheClient
  readonly #maxGroupTtl: string
  readonly #format: ReturnType<typeof createFormat<Item>>
  /** Authenticates the order of the items, if it authenticates the items. */
  readonly #codec: Pick<Codec<unknown>, 'seal' | 'open'>

  constructor({ client, format, maxGroupTtl }: Dependencies<Item>) {
    this.#client = client
    this.#maxGroupTtl = String(maxGroupTtl)
    this.#format = createFormat<Item>(format)
    this.#codec = format.codec ?? {}
  }

  /** Stores the items of a group in a new hash. Resolves to its generation. */
  async put(key: string, items: ReadonlyMap<string, Item>): Promise<string> {
    const generation = createToken()
    const hash = hashOf(key, generation)
    let fields: (string | Buffer)[] = []
    let bytes = 0
    let size = 0
    const send = async (): Promise<void> => {
      size = await this.#client.entries.run(
        writeGroupItemsScript,
        [hash],
        [this.#maxGroupTtl, ...fields],
      )
      fields = []
      bytes = 0
    }
    for (const [id, item] of items) {
      const value = this.#format.encode(fieldOf(hash, id), item)
      fields.push(id, value)
      bytes += value.length
      if (bytes >= BATCH_BYTES || fields.length >= BATCH_FIELDS) await send()
    }
    fields.push(ORDER, this.#encodeOrder(hash, [...items.keys()]), SIZE, String(items.size))
    await send()
    if (size !== items.size + 2)
      throw new CacheError(
        `The hash of the group "${key}" lost items while it was written. The group is not cached.`,
        { code: 'GROUP', key },
      )
    await this.#deleteObsolete(key, generation)
    return generation
  }

  /**
   * Returns some items of a group by their ids. Resolves to `undefined` if the hash is gone or
   * can't be read.
   */
  async getItems(
    key: string,
    generation: string,
    ids: readonly string[],
  ): Promise<Map<string, Item> | undefined> {
    const hash = hashOf(key, generation)
    const [itemCount, ...values] = (await this.#send(
      ['HMGET', hash, SIZE, ...ids],
      [hash],
    )) as readonly Reply[]
    return itemCount === null ? undefined : this.#decode(hash, ids, values)
  }

  /**
   * Returns all items of a group in their order. Resolves to `undefined` if the hash is gone or
   * can't be read.
   */
  async getAll(key: string, generation: string): Promise<Map<string, Item> | undefined> {
    const hash = hashOf(key, generation)
    const reply = (await this.#send(['HGETALL', hash], [hash])) as readonly Reply[]
    const values = new Map<string, Reply>()
    for (let i = 0; i < reply.length; i += 2) values.set(String(reply[i]), reply[i + 1]!)
    const ids = this.#decodeOrder(hash, values.get(ORDER) ?? null)
    if (!ids?.every((id) => values.has(id))) return undefined
    return this.#decode(
      hash,
      ids,
      ids.map((id) => values.get(id)!),
    )
  }

  /** Sends a command that a read waits for. */
  #send(args: [string, ...string[]], keys: readonly string[]): Promise<Reply> {
    return this.#client.send(
      { args, keys, binary: true },
      { timeout: this.#client.entries.readTimeout },
    )
  }

  #encodeOrder(hash: string, ids: readonly string[]): string | Buffer {
    const order = JSON.stringify(ids)
    return (
      this.#codec.seal?.(Buffer.from(order), {
        key: fieldOf(hash, ORDER),
        maxValueBytes: Infinity,
      }) ?? order
    )
  }

  #decodeOrder(hash: string, stored: Reply): readonly string[] | undefined {
    if (!Buffer.isBuffer(stored)) return undefined
    try {
      const ids: unknown = JSON.parse(
        String(
          this.#codec.open?.(stored, { key: fieldOf(hash, ORDER), maxValueBytes: Infinity }) ??
            stored,
        ),
      )
      if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids as string[]
      throw new CodecError(`The order of the items in "${hash}" is no list of ids.`, { key: hash })
    } catch (error) {
      emit(channels.error, () => ({ operation: 'decode', key: hash, error }))
      return undefined
    }
  }

  async #decode(
    hash: string,
    ids: readonly string[],
    values: readonly Reply[],
  ): Promise<Map<string, Item> | undefined> {
    const items = new Map<string, Item>()
    for (const [i, value] of values.entries()) {
      if (value === null) continue
      const decoded = await this.#format.decode(fieldOf(hash, ids[i]!), value as Buffer)
      if (decoded instanceof Undecodable) {
        emit(channels.error, () => ({
          operation: 'decode',
          key: hash,
          error: decoded.error,
          reason: decoded.reason,
        }))
        return undefined
      }
      items.set(ids[i]!, decoded.value)
    }
    return items
  }

  /** Adds a generation, and deletes the hashes of all but the last two. */
  async #deleteObsolete(key: string, generation: string): Promise<void> {
    const obsolete = await this.#client.entries.run(
      rotateGenerationsScript,
      [companion(key, 'parts')],
      [generation, this.#maxGroupTtl],
    )
    const hashes = obsolete.map((old) => hashOf(key, old))
    if (hashes.length > 0) await this.#send(['UNLINK', ...hashes], hashes)
  }
}

function hashOf(key: string, generation: string): string {
  return `${companion(key, 'parts')}:${generation}`
}

/**
 * Returns the name that an authenticating codec binds an item to. An item can't be used in the
 * place of another, or of one of another generation.
 */
function fieldOf(hash: string, field: string): string {
  return `${hash} ${field}`
}

/** The fields that are not items. An id in a key never contains a colon. */
const ORDER = ':order'
const SIZE = ':size'
const BATCH_BYTES = 256 * 1024
const BATCH_FIELDS = 1_000

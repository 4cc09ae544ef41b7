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
import { stageScript, turnScript } from './scripts.js'

interface Wiring<Item> {
  readonly client: CacheClient
  readonly format: FormatOptions<Item>
  /** Ms for which a group may be cached. */
  readonly heldFor: number
}

/**
 * Groups too large to be read for one item: a hash each, field by item, which is complete before
 * the group's entry names it and never changes then. So a group is replaced, and made invalid, as
 * others are: by its entry.
 */
export class LargeGroups<Item> {
  readonly #client: CacheClient
  readonly #heldFor: string
  readonly #format: ReturnType<typeof createFormat<Item>>
  /** Authenticates the order, if it does so with the items. */
  readonly #codec: Pick<Codec<unknown>, 'seal' | 'open'>

  constructor({ client, format, heldFor }: Wiring<Item>) {
    this.#client = client
    this.#heldFor = String(heldFor)
    this.#format = createFormat<Item>(format)
    this.#codec = format.codec ?? {}
  }

  /** Puts the items of a group, by their ids, into a hash of their own. Resolves to its name. */
  async put(key: string, items: ReadonlyMap<string, Item>): Promise<string> {
    const generation = createToken()
    const hash = hashOf(key, generation)
    let fields: (string | Buffer)[] = []
    let bytes = 0
    let size = 0
    const send = async (): Promise<void> => {
      size = await this.#client.entries.run(stageScript, [hash], [this.#heldFor, ...fields])
      fields = []
      bytes = 0
    }
    for (const [id, item] of items) {
      const value = this.#format.encode(fieldOf(hash, id), item)
      fields.push(id, value)
      bytes += value.length
      if (bytes >= BYTES_AT_ONCE || fields.length >= FIELDS_AT_ONCE) await send()
    }
    fields.push(ORDER, this.#encodeOrder(hash, [...items.keys()]), SIZE, String(items.size))
    await send()
    if (size !== items.size + 2)
      throw new CacheError(
        `The hash of the group "${key}" lost some of its items while it was made. It is not cached.`,
        { code: 'GROUP', key },
      )
    await this.#dropBefore(key, generation)
    return generation
  }

  /** These items of a group, by their ids; `undefined`: the hash is gone, or can't be read. */
  async some(
    key: string,
    generation: string,
    ids: readonly string[],
  ): Promise<Map<string, Item> | undefined> {
    const hash = hashOf(key, generation)
    const [there, ...values] = (await this.#send(
      ['HMGET', hash, SIZE, ...ids],
      [hash],
    )) as readonly Reply[]
    return there === null ? undefined : this.#decode(hash, ids, values)
  }

  /** All items of a group, in their order; `undefined`: the hash is gone, or can't be read. */
  async all(key: string, generation: string): Promise<Map<string, Item> | undefined> {
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

  /** A read waits for it. */
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

  async #dropBefore(key: string, generation: string): Promise<void> {
    const gone = await this.#client.entries.run(
      turnScript,
      [companion(key, 'parts')],
      [generation, this.#heldFor],
    )
    const hashes = gone.map((each) => hashOf(key, each))
    if (hashes.length > 0) await this.#send(['UNLINK', ...hashes], hashes)
  }
}

function hashOf(key: string, generation: string): string {
  return `${companion(key, 'parts')}:${generation}`
}

/**
 * What an authenticating codec binds an item to: so that none is taken for another, or for one of
 * another generation.
 */
function fieldOf(hash: string, field: string): string {
  return `${hash} ${field}`
}

/** Fields beside those of items; no id in a key is written with a colon. */
const ORDER = ':order'
const SIZE = ':size'
const BYTES_AT_ONCE = 256 * 1024
const FIELDS_AT_ONCE = 1_000

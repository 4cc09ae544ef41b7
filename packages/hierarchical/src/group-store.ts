import { CacheError, channels, type CacheClient, type KeyPart } from '@cache/core'
import { emit, type LoadPolicy } from '@cache/core/internal'
import { cachedGroupCodec, type CachedGroup } from './cached-group.js'
import type { GroupRef } from './group-ref.js'
import { byId } from './ids.js'
import { LargeGroups } from './large-groups.js'
import type { ResolvedGroupLevel, ResolvedLevel } from './levels.js'
import type { CommonOptions } from './policy.js'
import { tryRequest } from './try-request.js'

interface Dependencies<Item> {
  readonly client: CacheClient
  readonly policy: LoadPolicy<Item>
  readonly options: CommonOptions<Item>
  readonly maxGroupBytes: number
  /** The longest time for which a group may be cached, in ms. */
  readonly maxGroupTtl: number
  readonly level: ResolvedGroupLevel<Item>
  /** The levels below, the items first. */
  readonly below: readonly ResolvedLevel<Item>[]
}

/** A loaded group. */
export interface LoadedGroup<Item> {
  readonly items: readonly Item[]
  readonly itemsById: ReadonlyMap<string, Item>
  /** The stamp at which its load began, if groups of the level below may be taken out of it. */
  readonly loadStamp: number | undefined
}

/**
 * Stores the items of a group where they belong: in the entry of the group, or in a hash of its own
 * if the group is too large to be read for one item.
 */
export class GroupStore<Item> {
  /** Encodes the entries of groups. */
  readonly codec: ReturnType<typeof cachedGroupCodec<Item>>
  readonly #dependencies: Dependencies<Item>
  readonly #large: LargeGroups<Item>

  constructor(dependencies: Dependencies<Item>) {
    this.#dependencies = dependencies
    const { client, maxGroupTtl, options } = dependencies
    const { codec, schema, maxValueBytes } = options
    this.codec = cachedGroupCodec<Item>(codec)
    this.#large = new LargeGroups({ client, maxGroupTtl, format: { codec, schema, maxValueBytes } })
  }

  /**
   * Makes the cached form of a loaded group. A large group is stored in its hash first. Resolves to
   * `undefined` if the group can't be cached.
   */
  async toCachedGroup(
    { id, outage }: GroupRef,
    { items, itemsById, loadStamp }: LoadedGroup<Item>,
  ): Promise<CachedGroup<Item> | undefined> {
    const { prefix, keyOf } = this.#dependencies.level
    const key = keyOf(id)
    const stamp = loadStamp === undefined ? undefined : { loadStamp }
    try {
      const payload = this.#encode(key, { items, generation: undefined, ...stamp })
      // An authenticated payload does not cover the data of the entry, so it is encoded again.
      if (payload !== undefined)
        return { items, generation: undefined, ...stamp, ...(!this.codec.seal && { payload }) }
    } catch (error) {
      // The source has answered nevertheless.
      emit(channels.error, () => ({ operation: 'group', key, error }))
      return undefined
    }
    const generation = await tryRequest({ prefix, outage }, () => this.#large.put(key, itemsById))
    return generation === undefined ? undefined : { items, generation, ...stamp }
  }

  /**
   * Returns all items of a cached group. Resolves to `undefined` if its hash is gone or can't be
   * read.
   */
  async getAll(id: KeyPart, group: CachedGroup<Item>): Promise<readonly Item[] | undefined> {
    if (group.items) return group.items
    const items = await this.#large.getAll(this.#dependencies.level.keyOf(id), group.generation!)
    return items && [...items.values()]
  }

  /**
   * Returns some items of a cached group by their ids. Resolves to `undefined` if its hash is gone
   * or can't be read.
   */
  async getItems(
    id: KeyPart,
    group: CachedGroup<Item>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Item> | undefined> {
    const { level, below } = this.#dependencies
    return group.items
      ? byId(group.items, below[0]!.idOf, 'a group')
      : this.#large.getItems(level.keyOf(id), group.generation!, ids)
  }

  /** Encodes a group as one entry. Returns `undefined` if it is too large for that. */
  #encode(key: string, group: CachedGroup<Item>): string | Buffer | undefined {
    const { maxGroupBytes, policy } = this.#dependencies
    const { maxValueBytes } = policy.format
    try {
      const payload = this.codec.encode(group, { key, maxValueBytes })
      return Buffer.byteLength(payload) <= Math.min(maxGroupBytes, maxValueBytes)
        ? payload
        : undefined
    } catch (error) {
      if (error instanceof CacheError && error.code === 'VALUE_TOO_LARGE') return undefined
      throw error
    }
  }
}

import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  channels,
  type CacheClient,
  type CacheStats,
  type CallOptions,
  type KeyPart,
  type LoadContext,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
import { companion, emit, type LoadPolicy, type ReadOutage } from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import type { GroupMembership } from './group-membership.js'
import { cachedGroupCodec, cachedGroupSchema, type CachedGroup } from './cached-group.js'
import { byId, encodeId } from './ids.js'
import { LargeGroups } from './large-groups.js'
import type { ResolvedGroupLevel, ResolvedLevel } from './levels.js'
import type { CommonOptions } from './policy.js'
import { groupTtlScript } from './scripts.js'

/** A group, and the group that holds it. */
export interface GroupRef {
  readonly id: KeyPart
  readonly parent: GroupRef | undefined
  /** The outage state of the call that reads the group. */
  readonly outage?: ReadOutage | undefined
  /** Whether a load asks the source, even if the group that holds this one is cached. */
  readonly fromSource?: true
}

interface Dependencies<Item> {
  readonly client: CacheClient
  readonly policy: LoadPolicy<Item>
  readonly options: CommonOptions<Item>
  readonly maxGroupBytes: number
  /** The longest time for which a group may be cached, in ms. */
  readonly maxGroupTtl: number
  readonly membership: GroupMembership
  /** 0 for groups of items, 1 for groups of these, and so on. */
  readonly depth: number
  readonly level: ResolvedGroupLevel<Item>
  /** The levels below, the items first. */
  readonly below: readonly ResolvedLevel<Item>[]
  /** The cache of the level above. */
  readonly parentCache: GroupCache<Item> | undefined
}

/** Caches the groups of one level. */
export class GroupCache<Item> {
  readonly #dependencies: Dependencies<Item>
  readonly #groups: Versioned<CachedGroup<Item>, GroupRef>
  readonly #large: LargeGroups<Item>
  readonly #codec: ReturnType<typeof cachedGroupCodec<Item>>

  constructor(dependencies: Dependencies<Item>) {
    this.#dependencies = dependencies
    const { client, level, options, maxGroupTtl } = dependencies
    const { codec, schema, maxValueBytes, ...policy } = options
    this.#codec = cachedGroupCodec<Item>(codec)
    this.#large = new LargeGroups({ client, maxGroupTtl, format: { codec, schema, maxValueBytes } })
    this.#groups = createVersioned<CachedGroup<Item>, GroupRef>({
      ...policy,
      client,
      prefix: level.prefix,
      codec: this.#codec,
      ...(schema && { schema: cachedGroupSchema(schema) }),
      ...(maxValueBytes !== undefined && { maxValueBytes }),
      key: ({ id }) => id,
      groups: (ref) => this.versionNames(ref),
      load: (ref, context) => this.#load(ref, context),
    })
  }

  /** Returns all items of a group, and loads the group if it is not cached. */
  async getAll(ref: GroupRef, call?: CallOptions): Promise<readonly Item[]> {
    return this.#read(
      ref,
      call,
      async (group) => {
        if (group.items) return group.items
        const items = await this.#large.getAll(this.#keyOf(ref.id), group.generation!)
        return items && [...items.values()]
      },
      (items) => items,
    )
  }

  /**
   * Returns some items of a group by their ids, and loads the group if it is not cached. Items that
   * the group does not hold are missing in the result.
   */
  async getItems(
    ref: GroupRef,
    ids: readonly string[],
    call?: CallOptions,
  ): Promise<ReadonlyMap<string, Item>> {
    return this.#read(
      ref,
      call,
      (group) => this.#itemsOf(ref, group, ids),
      (items) => this.#indexById(items),
    )
  }

  /** Loads a group from the source now, and replaces the cached one. Returns some of its items. */
  async refresh(
    ref: GroupRef,
    ids: readonly string[],
    call?: Pick<CallOptions, 'signal'>,
  ): Promise<ReadonlyMap<string, Item>> {
    const group = await this.#groups.refresh({ ...ref, fromSource: true }, call)
    return (await this.#itemsOf(ref, group, ids)) ?? this.getItems(ref, ids, call)
  }

  /** Loads the items of a group from the source. Returns them by their ids. */
  async loadFromSource(
    id: KeyPart,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ReadonlyMap<string, Item>> {
    return this.#checkItems(id, await this.#callLoader(id, signal))
  }

  /** Returns the cached items of a group. Does not load. */
  async peek(ref: GroupRef): Promise<readonly Item[] | undefined> {
    return (await this.#peekWithStamp(ref))?.items
  }

  /** Returns some cached items of a group by their ids. Does not load. */
  async peekItems(
    ref: GroupRef,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Item> | undefined> {
    const group = await this.#groups.peek(ref)
    return group ? this.#orUndefined(() => this.#itemsOf(ref, group, ids), ref) : undefined
  }

  /**
   * Returns for how many ms a group is still fresh. 0 or less means that it is stale. Returns
   * `undefined` if it is not cached, or if Redis does not answer.
   */
  async freshFor(ref: GroupRef): Promise<number | undefined> {
    const key = this.#keyOf(ref.id)
    const left = await this.#orUndefined(
      () => this.#dependencies.client.entries.run(groupTtlScript, [key], []),
      ref,
    )
    return typeof left === 'number' && left >= 0
      ? left - this.#dependencies.policy.staleBelow
      : undefined
  }

  /** Returns the names of the versions that a group depends on: its own, and its ancestors'. */
  versionNames({ id, parent }: GroupRef): readonly string[] {
    const { level, parentCache } = this.#dependencies
    return [level.nameOf(id), ...(parent ? parentCache!.versionNames(parent) : [])]
  }

  /** Deletes the entries of groups. The entries of their items stay. */
  async drop(ids: readonly KeyPart[]): Promise<void> {
    if (ids.length > 0) await this.#groups.invalidate(ids.map((id) => ({ id, parent: undefined })))
  }

  /** Makes groups and everything that they hold invalid. */
  async bump(ids: readonly KeyPart[]): Promise<void> {
    await this.#groups.bump(ids.map((id) => this.#dependencies.level.nameOf(id)))
  }

  beginMutation(ids: readonly KeyPart[], options: MutationOptions | undefined): Promise<Mutation> {
    return this.#groups.beginMutation(
      ids.map((id) => ({ id, parent: undefined })),
      options,
    )
  }

  beginGroupMutation(
    ids: readonly KeyPart[],
    options: MutationOptions | undefined,
  ): Promise<Mutation> {
    return this.#groups.beginGroupMutation(
      ids.map((id) => this.#dependencies.level.nameOf(id)),
      options,
    )
  }

  stats(): CacheStats {
    return this.#groups.stats()
  }

  idle(): Promise<void> {
    return this.#groups.idle()
  }

  /**
   * Reads a group and passes it to `fromCached`. If the hash of a large group is gone and a reload
   * does not help, loads the items from the source and passes them to `fromLoaded`.
   */
  async #read<R>(
    ref: GroupRef,
    call: CallOptions | undefined,
    fromCached: (group: CachedGroup<Item>) => Promise<R | undefined>,
    fromLoaded: (items: readonly Item[]) => R,
  ): Promise<R> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const group = await this.#groups.get(ref, { ...call, outage: ref.outage })
      const result = await this.#orUndefined(() => fromCached(group), group.items ? {} : ref)
      if (result) return result
      if (ref.outage?.down) break
      // The hash was evicted or replaced. Drop the entry if it still names this hash.
      const cached = await this.#groups.peek(ref, ref)
      if (cached?.generation === group.generation)
        await this.#orUndefined(() => this.drop([ref.id]), ref)
    }
    return fromLoaded([...(await this.loadFromSource(ref.id, call?.signal)).values()])
  }

  async #itemsOf(
    { id }: GroupRef,
    group: CachedGroup<Item>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Item> | undefined> {
    return group.items
      ? this.#indexById(group.items)
      : this.#large.getItems(this.#keyOf(id), group.generation!, ids)
  }

  async #load(ref: GroupRef, context: LoadContext<CachedGroup<Item>>): Promise<CachedGroup<Item>> {
    const { depth, membership } = this.#dependencies
    for (let attempt = 1; ; attempt++) {
      const mayAskParent = attempt === 1 && !ref.fromSource
      const parent = mayAskParent ? await this.#fromParent(ref) : undefined
      const loadStamp = parent
        ? parent.loadStamp
        : await this.#orUndefined(() => membership.beginLoad(), ref)
      const items = parent?.items ?? (await this.#callLoader(ref.id, context.signal))
      const itemsById = this.#checkItems(ref.id, items)
      const recorded =
        loadStamp !== undefined &&
        (await this.#orUndefined(
          () =>
            membership.record(this.#memberKeys(items), `${depth}:${encodeId(ref.id)}`, loadStamp),
          ref,
        ))
      if (recorded) return this.#toCachedGroup(ref, items, itemsById, loadStamp, context)
      // One of the items has changed in the meantime, so the loaded group may be older. Another
      // load is only useful while its result may still be cached.
      if (
        recorded !== false ||
        loadStamp === undefined ||
        attempt === MAX_ATTEMPTS ||
        !(await this.#orUndefined(() => this.#isLeased(ref.id), ref))
      )
        return uncached(items, context)
    }
  }

  async #isLeased(id: KeyPart): Promise<boolean> {
    const lease = companion(this.#keyOf(id), 'lease')
    const { client } = this.#dependencies
    return (
      (await client.send(
        { args: ['EXISTS', lease], keys: [lease] },
        { timeout: client.entries.readTimeout },
      )) === 1
    )
  }

  /**
   * Takes the items of a group out of its cached parent, if there is one. They have the load stamp
   * of the parent, because they are as old as it is.
   */
  async #fromParent({ id, parent }: GroupRef): Promise<StampedItems<Item, number> | undefined> {
    const { parentCache, level } = this.#dependencies
    const cached = parent && (await parentCache!.#peekWithStamp(parent))
    if (cached?.loadStamp === undefined) return undefined
    return {
      items: cached.items.filter((item) => level.nameOf(level.idOf(item)) === level.nameOf(id)),
      loadStamp: cached.loadStamp,
    }
  }

  async #peekWithStamp(ref: GroupRef): Promise<StampedItems<Item, number | undefined> | undefined> {
    const group = await this.#groups.peek(ref, ref)
    if (!group) return undefined
    const items =
      group.items ??
      (await this.#orUndefined(
        () => this.#large.getAll(this.#keyOf(ref.id), group.generation!),
        ref,
      ))
    return items && { items: [...items.values()], loadStamp: group.loadStamp }
  }

  async #callLoader(id: KeyPart, signal: AbortSignal): Promise<readonly Item[]> {
    return this.#dependencies.level.load(id, { signal })
  }

  /**
   * Returns the items of a group by their ids.
   *
   * @throws {CacheError} if the loader's answer can't be this group.
   */
  #checkItems(id: KeyPart, items: readonly Item[]): Map<string, Item> {
    const { level } = this.#dependencies
    const name = level.nameOf(id)
    const refuse = (answer: string): never => {
      throw new CacheError(
        `The loader of the group "${name}" answered with ${answer}. Nothing was cached.`,
        { code: 'LOADER', key: this.#keyOf(id) },
      )
    }
    if (!Array.isArray(items))
      refuse(`${items === null ? 'null' : typeof items} instead of an array of its items`)
    for (const item of items) {
      if (item === null || item === undefined) refuse(`${item} among its items`)
      const other = level.nameOf(level.idOf(item))
      if (other !== name) refuse(`an item of the group "${other}"`)
    }
    return byId(items, this.#dependencies.below[0]!.idOf, `the group "${name}"`)
  }

  /** Returns the keys of all that a group holds: its items, and the groups in between. */
  #memberKeys(items: readonly Item[]): readonly string[] {
    const keys = new Set<string>()
    for (const { keyOf, idOf } of this.#dependencies.below)
      for (const item of items) keys.add(keyOf(idOf(item)))
    return [...keys]
  }

  /** Makes the cached form of a loaded group. A large group is stored in its hash first. */
  async #toCachedGroup(
    ref: GroupRef,
    items: readonly Item[],
    itemsById: ReadonlyMap<string, Item>,
    loadStamp: number,
    context: LoadContext<CachedGroup<Item>>,
  ): Promise<CachedGroup<Item>> {
    const { depth } = this.#dependencies
    const key = this.#keyOf(ref.id)
    // Groups of the level below can be taken out of this one.
    const stamp = depth > 0 ? { loadStamp } : undefined
    try {
      const payload = this.#encode(key, { items, generation: undefined, ...stamp })
      // An authenticated payload does not cover the data of the entry, so it is encoded again.
      if (payload !== undefined)
        return { items, generation: undefined, ...stamp, ...(!this.#codec.seal && { payload }) }
    } catch (error) {
      // The source has answered nevertheless.
      emit(channels.error, () => ({ operation: 'group', key, error }))
      return uncached(items, context)
    }
    const generation = await this.#orUndefined(() => this.#large.put(key, itemsById), ref)
    return generation === undefined ? uncached(items, context) : { items, generation, ...stamp }
  }

  /** Encodes a group as one entry. Returns `undefined` if it is too large for that. */
  #encode(key: string, group: CachedGroup<Item>): string | Buffer | undefined {
    const { maxGroupBytes, policy } = this.#dependencies
    const { maxValueBytes } = policy.format
    try {
      const payload = this.#codec.encode(group, { key, maxValueBytes })
      return Buffer.byteLength(payload) <= Math.min(maxGroupBytes, maxValueBytes)
        ? payload
        : undefined
    } catch (error) {
      if (error instanceof CacheError && error.code === 'VALUE_TOO_LARGE') return undefined
      throw error
    }
  }

  #indexById(items: readonly Item[]): ReadonlyMap<string, Item> {
    return byId(items, this.#dependencies.below[0]!.idOf, 'a group')
  }

  #keyOf(id: KeyPart): string {
    return this.#dependencies.level.keyOf(id)
  }

  /**
   * Runs a request to Redis. Returns `undefined` if Redis does not answer, so that the source does.
   * Does not run it if Redis has failed to answer this call before.
   */
  async #orUndefined<R>(
    request: () => Promise<R>,
    { outage }: Pick<GroupRef, 'outage'>,
  ): Promise<R | undefined> {
    if (outage?.down) return undefined
    try {
      return await request()
    } catch (error) {
      if (outage && (error instanceof ConnectionError || error instanceof CommandTimeoutError))
        outage.down = true
      emit(channels.error, () => ({
        operation: 'group',
        key: this.#dependencies.level.prefix,
        error,
      }))
      return undefined
    }
  }
}

/** Returns a group that is not cached. */
function uncached<Item>(
  items: readonly Item[],
  context: LoadContext<CachedGroup<Item>>,
): CachedGroup<Item> {
  context.skip()
  return { items, generation: undefined }
}

/** A group, and the stamp at which its load began. */
interface StampedItems<Item, Stamp extends number | undefined> {
  readonly items: readonly Item[]
  readonly loadStamp: Stamp
}

const MAX_ATTEMPTS = 3

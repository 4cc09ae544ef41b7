import type {
  CacheClient,
  CacheStats,
  CallOptions,
  KeyPart,
  Mutation,
  MutationOptions,
} from '@cache/core'
import type { LoadPolicy } from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import { cachedGroupSchema, type CachedGroup } from './cached-group.js'
import { GroupLoader, type StampedItems } from './group-loader.js'
import type { GroupMembership } from './group-membership.js'
import type { GroupRef } from './group-ref.js'
import { GroupStore } from './group-store.js'
import type { ResolvedGroupLevel, ResolvedLevel } from './levels.js'
import { withoutItemOptions, type CommonOptions } from './policy.js'
import { groupTtlScript } from './scripts.js'
import { tryRequest, type RequestContext } from './try-request.js'

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
  readonly #store: GroupStore<Item>
  readonly #loader: GroupLoader<Item>

  constructor(dependencies: Dependencies<Item>) {
    this.#dependencies = dependencies
    const { client, level, options } = dependencies
    const store = (this.#store = new GroupStore<Item>(dependencies))
    const loader = (this.#loader = new GroupLoader<Item>({ ...dependencies, store }))
    this.#groups = createVersioned<CachedGroup<Item>, GroupRef>({
      ...withoutItemOptions(options),
      client,
      prefix: level.prefix,
      codec: store.codec,
      ...(options.schema && { schema: cachedGroupSchema(options.schema) }),
      key: ({ id }) => id,
      groups: (ref) => this.versionNames(ref),
      load: (ref, context) => loader.load(ref, context),
    })
  }

  /** Returns all items of a group, and loads the group if it is not cached. */
  async getAll(ref: GroupRef, call?: CallOptions): Promise<readonly Item[]> {
    return this.#read(
      ref,
      call,
      (group) => this.#store.getAll(ref.id, group),
      (items) => [...items.values()],
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
      (group) => this.#store.getItems(ref.id, group, ids),
      (items) => items,
    )
  }

  /** Loads a group from the source now, and replaces the cached one. Returns some of its items. */
  async refresh(
    ref: GroupRef,
    ids: readonly string[],
    call?: Pick<CallOptions, 'signal'>,
  ): Promise<ReadonlyMap<string, Item>> {
    const group = await this.#groups.refresh({ ...ref, fromSource: true }, call)
    return (await this.#store.getItems(ref.id, group, ids)) ?? this.getItems(ref, ids, call)
  }

  /** Loads the items of a group from the source. Returns them by their ids. Caches nothing. */
  loadFromSource(id: KeyPart, signal?: AbortSignal): Promise<ReadonlyMap<string, Item>> {
    return this.#loader.loadFromSource(id, signal)
  }

  /** Returns the cached items of a group. Does not load. */
  async peek(ref: GroupRef): Promise<readonly Item[] | undefined> {
    return (await this.peekWithStamp(ref))?.items
  }

  /** Returns the cached items of a group, and the stamp at which its load began. Does not load. */
  async peekWithStamp(ref: GroupRef): Promise<StampedItems<Item, number | undefined> | undefined> {
    const group = await this.#groups.peek(ref, ref)
    if (!group) return undefined
    const items = group.items
      ? [...group.items]
      : await tryRequest(this.#requestOf(ref), () => this.#store.getAll(ref.id, group))
    return items && { items, loadStamp: group.loadStamp }
  }

  /** Returns some cached items of a group by their ids. Does not load. */
  async peekItems(
    ref: GroupRef,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Item> | undefined> {
    const group = await this.#groups.peek(ref)
    return group
      ? tryRequest(this.#requestOf(ref), () => this.#store.getItems(ref.id, group, ids))
      : undefined
  }

  /**
   * Returns for how many ms a group is still fresh. 0 or less means that it is stale. Returns
   * `undefined` if it is not cached, or if Redis does not answer.
   */
  async freshFor(ref: GroupRef): Promise<number | undefined> {
    const { client, level, policy } = this.#dependencies
    const key = level.keyOf(ref.id)
    const left = await tryRequest(this.#requestOf(ref), () =>
      client.entries.run(groupTtlScript, [key], []),
    )
    return typeof left === 'number' && left >= 0 ? left - policy.staleBelow : undefined
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
    fromLoaded: (items: ReadonlyMap<string, Item>) => R,
  ): Promise<R> {
    const request = this.#requestOf(ref)
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const group = await this.#groups.get(ref, { ...call, outage: ref.outage })
      // Items that are in the entry need no further request.
      const reading = group.items ? { ...request, outage: undefined } : request
      const result = await tryRequest(reading, () => fromCached(group))
      if (result) return result
      if (ref.outage?.down) break
      // The hash was evicted or replaced. Drop the entry if it still names this hash.
      const cached = await this.#groups.peek(ref, ref)
      if (cached?.generation === group.generation)
        await tryRequest(request, () => this.drop([ref.id]))
    }
    return fromLoaded(await this.loadFromSource(ref.id, call?.signal))
  }

  #requestOf({ outage }: GroupRef): RequestContext {
    return { prefix: this.#dependencies.level.prefix, outage }
  }
}

const MAX_ATTEMPTS = 3

import type {
  CacheClient,
  CacheStats,
  CallOptions,
  Codec,
  Duration,
  KeyPart,
  LoadPolicyOptions,
  Mutation,
  MutationOptions,
  Size,
} from '@cache/core'

/** Options on how items and groups are loaded and how long they live. They apply to all levels. */
export interface HierarchicalPolicy<Item> extends Pick<
  LoadPolicyOptions<Item>,
  | 'jitter'
  | 'schema'
  | 'maxValueBytes'
  | 'negativeTtl'
  | 'errorTtl'
  | 'retryOn'
  | 'staleWhileRevalidate'
  | 'staleIfError'
  | 'stampede'
  | 'waitFor'
  | 'leaseTtl'
  | 'loadTimeout'
  | 'waitUntil'
> {
  /** The cache client to use. */
  readonly client: CacheClient
  /**
   * How long an item or a group is fresh. An item that is filled from its group is fresh for as
   * long as the group is, and no longer. `'never'` is refused: entries of an invalidated group stay
   * in Redis until they expire. Required, unless the client has a default. Default: that of the
   * client.
   */
  readonly ttl?: Duration
  /** Encodes items, and lists of items, to bytes. Default `json`. */
  readonly codec?: Codec<any>
  /**
   * A group with more bytes than this is stored as a hash with one field for each item, so that one
   * of its items costs one HGET. Default '256kb'.
   */
  readonly maxGroupBytes?: Size
}

/** The level of the items. */
export interface ItemLevel<Item, Id extends KeyPart> {
  /** The first part of every key of this level, after the client's namespace. */
  readonly prefix: string
  /** Returns the id of an item. */
  readonly id: (item: Item) => Id
}

/** A level of groups. */
export interface GroupLevel<Item, Below extends KeyPart, Id extends KeyPart> {
  /** The first part of every key of this level, after the client's namespace. */
  readonly prefix: string
  /** Returns the id of the group that an item is in. */
  readonly id: (item: Item) => Id
  /**
   * Returns the id of the group that holds `below`, an id of the level below: of an item for the
   * first level of groups, of a group for the others. `null` or `undefined` means that no group
   * holds it. The answer is cached.
   */
  readonly of: (below: Below) => Id | null | undefined | Promise<Id | null | undefined>
  /** Loads all items of a group, each once. Answers `[]` for an empty group. */
  readonly load: (id: Id, context: GroupContext) => readonly Item[] | Promise<readonly Item[]>
}

/** What the loader of a group receives. */
export interface GroupContext {
  /** Aborts when no caller waits for the group any more, or after `loadTimeout.hard`. */
  readonly signal: AbortSignal
}

/** Options of `createHierarchical` with two levels: items and their groups. */
export interface HierarchicalOptions<
  Item,
  ItemId extends KeyPart,
  GroupId extends KeyPart,
> extends HierarchicalPolicy<Item> {
  /** The first part of the keys of items, and a function that returns the id of an item. */
  readonly item: ItemLevel<Item, ItemId>
  /** The first part of the keys of groups, and a function that returns the group id of an item. */
  readonly group: { readonly prefix: string; readonly id: (item: Item) => GroupId }
  /**
   * Returns the group that holds an item. `null` or `undefined` means that there is no such item.
   * The answer is cached.
   */
  readonly groupOf: (id: ItemId) => GroupId | null | undefined | Promise<GroupId | null | undefined>
  /**
   * Loads all items of a group, each once. Answers `[]` for an empty group. Receives `{ signal }`.
   */
  readonly loadGroup: (
    id: GroupId,
    context: GroupContext,
  ) => readonly Item[] | Promise<readonly Item[]>
}

/** The items first, then their groups, then the groups that hold these. */
export type Levels = readonly [
  ItemLevel<any, any>,
  GroupLevel<any, any, any>,
  ...GroupLevel<any, any, any>[],
]

/** Options of `createHierarchical` with any number of levels. */
export interface LevelsOptions<L extends Levels> extends HierarchicalPolicy<ItemOf<L>> {
  /** The levels, from the items upwards. */
  readonly levels: L
}

/**
 * A cache of items, each cached by itself and within its groups. It guarantees that
 *
 * - a read that begins after `invalidate` of an item was acknowledged, or after `invalidateGroup`
 *   of a group that holds it, never returns a value that was loaded before, in any process. This
 *   holds for the item, for the group that it is in, and for the group that it was in;
 * - one load runs for a cold group among all processes;
 * - a read is answered from the source while Redis is down.
 */
interface Items<Item, Id> {
  /**
   * Returns an item: from its own entry, or else from its cached group, or else from its group
   * after loading it. The item and the group are cached. `null` or `undefined` means "there is
   * none". Rejects with the loader's own error.
   */
  get(id: Id, call?: CallOptions): Promise<Item | null | undefined>
  /**
   * Returns the items in the order of `ids`. Missing items are taken from their groups. Each group
   * is read or loaded once.
   */
  getMany(ids: readonly Id[], call?: CallOptions): Promise<(Item | null | undefined)[]>
  /**
   * Returns an item from its own entry or from its cached group, and does not load. Returns
   * `undefined` if neither is cached, or if Redis does not answer.
   */
  peek(id: Id): Promise<Item | null | undefined>
  /**
   * Returns whether an item is cached, where `peek` looks for it, and does not load. The remembered
   * fact that no group holds it (`negativeTtl`) counts. Returns `false` if Redis does not answer.
   */
  has(id: Id): Promise<boolean>
  /**
   * Loads an item now, with its whole group, and replaces the cached group once the load has
   * succeeded; until then, reads of both get what is cached. The groups above are dropped. If the
   * item has moved to another group, it is invalidated and read again. Rejects if a loader throws
   * or Redis does not answer: the old item and its group stay.
   */
  refresh(id: Id, call?: Pick<CallOptions, 'signal'>): Promise<Item | null | undefined>
  /**
   * Drops items, the groups that held them, and the groups that hold them now, which it asks
   * `groupOf` for. Other items stay. Call it when items have changed in the source, or were added,
   * deleted or moved to another group. Rejects if Redis does not answer, or with the error of
   * `groupOf`: old values may then still be there.
   */
  invalidate(ids: Id | readonly Id[]): Promise<void>
  /**
   * Begins a change of items that commits later, such as a database transaction. While it is open,
   * the items and the groups that hold them are not cached. `commit()` does what `invalidate` does.
   * `abort()`, or the end of an `await using` block, ends the mutation without that. Rejects with
   * `CacheUnavailableError` if Redis does not answer, or with the error of `groupOf`.
   */
  beginMutation(ids: Id | readonly Id[], options?: MutationOptions): Promise<Mutation>
  /**
   * Returns counters of what this cache has done in this process since it was created. It sends
   * nothing to Redis, and works without any subscriber or SDK.
   */
  stats(): HierarchicalStats
  /**
   * Resolves when no reload is running in the background. Await it at the end of a process, or of a
   * serverless function.
   */
  idle(): Promise<void>
}

/** The counters of the items. The load of an item is a read of its group. */
export interface HierarchicalStats extends CacheStats {
  /**
   * The counters of each cache that this one is made of, by its prefix: the items, the groups of
   * each level, and the answers of `groupOf` (`product:in:category`).
   */
  readonly caches: Readonly<Record<string, CacheStats>>
}

/** A cache of items and their groups, with the guarantees of its base interface `Items`. */
export interface Hierarchical<Item, ItemId, GroupId> extends Items<Item, ItemId> {
  /** Returns all items of a group, in the loader's order. Rejects with the loader's own error. */
  getGroup(id: GroupId, call?: CallOptions): Promise<readonly Item[]>
  /**
   * Returns the cached items of a group, and does not load. Returns `undefined` if the group is not
   * cached, or if Redis does not answer.
   */
  peekGroup(id: GroupId): Promise<readonly Item[] | undefined>
  /**
   * Makes groups and all their items invalid with a new version, in O(1) for each group. Rejects if
   * Redis does not answer.
   */
  invalidateGroup(ids: GroupId | readonly GroupId[]): Promise<void>
  /** Begins a mutation like `beginMutation`, for groups and all their items. */
  beginGroupMutation(
    ids: GroupId | readonly GroupId[],
    options?: MutationOptions,
  ): Promise<Mutation>
}

/**
 * A cache like `Hierarchical`, with any number of levels. A level of groups is named by its prefix.
 */
export interface HierarchicalLevels<L extends Levels> extends Items<ItemOf<L>, IdOf<L[0]>> {
  /** Returns all items of a group, from the groups above if these are cached. */
  getGroup<P extends GroupPrefix<L>>(
    level: P,
    id: GroupId<L, P>,
    call?: CallOptions,
  ): Promise<readonly ItemOf<L>[]>
  /** Returns the cached items of a group, and does not load. */
  peekGroup<P extends GroupPrefix<L>>(
    level: P,
    id: GroupId<L, P>,
  ): Promise<readonly ItemOf<L>[] | undefined>
  /**
   * Makes groups and everything that they hold invalid with a new version, in O(1) for each group,
   * and drops the groups that hold them.
   */
  invalidateGroup<P extends GroupPrefix<L>>(
    level: P,
    ids: GroupId<L, P> | readonly GroupId<L, P>[],
  ): Promise<void>
  /** Begins a mutation like `beginMutation`, for groups and everything that they hold. */
  beginGroupMutation<P extends GroupPrefix<L>>(
    level: P,
    ids: GroupId<L, P> | readonly GroupId<L, P>[],
    options?: MutationOptions,
  ): Promise<Mutation>
}

/** The type of the items of some levels. */
export type ItemOf<L extends Levels> = Parameters<L[0]['id']>[0]
type IdOf<Level extends { readonly id: (item: any) => unknown }> = ReturnType<Level['id']>
type GroupsOf<L extends Levels> = L extends readonly [unknown, ...infer Groups]
  ? Groups[number]
  : never
type GroupPrefix<L extends Levels> = Extract<GroupsOf<L>, { readonly prefix: string }>['prefix']
type GroupId<L extends Levels, P extends string> = IdOf<
  Extract<GroupsOf<L>, { readonly prefix: P; readonly id: (item: any) => unknown }>
>

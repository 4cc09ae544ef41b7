import type {
  CacheClient,
  CallOptions,
  Codec,
  Duration,
  KeyPart,
  LoadPolicyOptions,
  Mutation,
  Size,
} from '@cache/core'

/** How items and groups are loaded and kept; what core's read path offers, for all levels alike. */
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
  readonly client: CacheClient
  /**
   * How long an item or a group is fresh. An item that is filled from its group is fresh for as
   * long as the group is, not longer.
   */
  readonly ttl: Duration
  /** How items, and lists of items, become bytes. Default `json`. */
  readonly codec?: Codec<any>
  /**
   * A group with more bytes than this is kept as a hash, field by item, so that one of its items
   * costs one HGET. Default '256kb'.
   */
  readonly maxGroupBytes?: Size
}

/** The items. */
export interface ItemLevel<Item, Id extends KeyPart> {
  /** What the keys begin with, behind the client's namespace. */
  readonly prefix: string
  /** The id of an item. */
  readonly id: (item: Item) => Id
}

/** Groups of items. */
export interface GroupLevel<Item, Below extends KeyPart, Id extends KeyPart> {
  /** What the keys begin with, behind the client's namespace. */
  readonly prefix: string
  /** The id of the group that an item is in. */
  readonly id: (item: Item) => Id
  /**
   * The id of the group that holds this, of the level below: an item at first, then a group. `null`
   * or `undefined`: none does. Its answer is cached as well.
   */
  readonly of: (below: Below) => Id | null | undefined | Promise<Id | null | undefined>
  /** All items of a group, each once; `[]` where there are none. */
  readonly load: (id: Id, context: GroupContext) => readonly Item[] | Promise<readonly Item[]>
}

export interface GroupContext {
  /** Aborts when nobody waits for the group any more, or past `loadTimeout.hard`. */
  readonly signal: AbortSignal
}

export interface HierarchicalOptions<
  Item,
  ItemId extends KeyPart,
  GroupId extends KeyPart,
> extends HierarchicalPolicy<Item> {
  readonly item: ItemLevel<Item, ItemId>
  readonly group: { readonly prefix: string; readonly id: (item: Item) => GroupId }
  /**
   * The group that holds an item; `null` or `undefined`: there is no such item. Its answer is
   * cached as well.
   */
  readonly groupOf: (id: ItemId) => GroupId | null | undefined | Promise<GroupId | null | undefined>
  /** All items of a group, each once; `[]` where there are none. */
  readonly loadGroup: (
    id: GroupId,
    context: GroupContext,
  ) => readonly Item[] | Promise<readonly Item[]>
}

/** The items first, then their groups, then what holds these. */
export type Levels = readonly [
  ItemLevel<any, any>,
  GroupLevel<any, any, any>,
  ...GroupLevel<any, any, any>[],
]

export interface LevelsOptions<L extends Levels> extends HierarchicalPolicy<ItemOf<L>> {
  readonly levels: L
}

/**
 * How long a change may take. Default 5 s. If its process dies, the old values are read for so long
 * at most.
 */
export interface MutationTime {
  readonly intentTtl?: Duration
}

/**
 * Items, each cached by itself and within its groups. Promises: a read that begins after
 * `invalidate` of an item, or `invalidateGroup` of a group that holds it, was acknowledged, in any
 * process, never returns what was loaded before, from wherever it comes: the item, the group it is
 * in, or the one it was in; one load for a cold group among all processes; a read answers, from the
 * source, with Redis down.
 */
interface Items<Item, Id> {
  /**
   * Item → group → source: the item; else out of its group; else its group is loaded. What is found
   * is kept on the way back. `null` or `undefined`: there is none. Rejects with the loader's own
   * error.
   */
  get(id: Id, call?: CallOptions): Promise<Item | null | undefined>
  /**
   * The items in the order of `ids`; what is missing comes out of its groups, each read or loaded
   * once.
   */
  getMany(ids: readonly Id[], call?: CallOptions): Promise<(Item | null | undefined)[]>
  /**
   * What is cached, of the item or of its group; nothing is loaded. `undefined` where there is
   * nothing, or Redis does not answer.
   */
  peek(id: Id): Promise<Item | null | undefined>
  /**
   * Call it when items have changed in the source, were added, deleted, or moved to another group:
   * drops the items, and the groups that hold them or are to hold them now, which `groupOf` is
   * asked for. Other items stay as they are. Rejects when Redis does not answer, or with the error
   * of `groupOf`: then old values may still be there.
   */
  invalidate(ids: Id | readonly Id[]): Promise<void>
  /**
   * Begins a change of items that commits later, such as a database transaction. While it is open
   * nothing is kept of the items and of the groups that hold them. `commit()` does what
   * `invalidate` does; `abort()`, or the end of an `await using`, ends it without. Rejects with
   * `CacheUnavailableError` if Redis does not answer, or with the error of `groupOf`.
   */
  beginMutation(ids: Id | readonly Id[], options?: MutationTime): Promise<Mutation>
  /**
   * Resolves once nothing is reloaded in the background any more. For the end of a process, or of a
   * serverless function.
   */
  idle(): Promise<void>
}

export interface Hierarchical<Item, ItemId, GroupId> extends Items<Item, ItemId> {
  /** All items of a group, in the loader's order. Rejects with the loader's own error. */
  getGroup(id: GroupId, call?: CallOptions): Promise<readonly Item[]>
  /**
   * What is cached of a group; nothing is loaded. `undefined` where there is nothing, or Redis does
   * not answer.
   */
  peekGroup(id: GroupId): Promise<readonly Item[] | undefined>
  /**
   * Makes groups and all their items invalid, in O(1) for each, by a new version. Rejects when
   * Redis does not answer.
   */
  invalidateGroup(ids: GroupId | readonly GroupId[]): Promise<void>
  /** As `beginMutation`, of groups and all their items. */
  beginGroupMutation(ids: GroupId | readonly GroupId[], options?: MutationTime): Promise<Mutation>
}

/** As `Hierarchical`, with the prefix of the level that is meant. */
export interface HierarchicalLevels<L extends Levels> extends Items<ItemOf<L>, IdOf<L[0]>> {
  /** All items of a group, out of the groups above where these are cached. */
  getGroup<P extends GroupPrefix<L>>(
    level: P,
    id: GroupId<L, P>,
    call?: CallOptions,
  ): Promise<readonly ItemOf<L>[]>
  /** What is cached of a group; nothing is loaded. */
  peekGroup<P extends GroupPrefix<L>>(
    level: P,
    id: GroupId<L, P>,
  ): Promise<readonly ItemOf<L>[] | undefined>
  /**
   * Makes groups invalid and all that they hold, in O(1) for each, by a new version; and drops the
   * groups that hold them.
   */
  invalidateGroup<P extends GroupPrefix<L>>(
    level: P,
    ids: GroupId<L, P> | readonly GroupId<L, P>[],
  ): Promise<void>
  /** As `beginMutation`, of groups and all that they hold. */
  beginGroupMutation<P extends GroupPrefix<L>>(
    level: P,
    ids: GroupId<L, P> | readonly GroupId<L, P>[],
    options?: MutationTime,
  ): Promise<Mutation>
}

export type ItemOf<L extends Levels> = Parameters<L[0]['id']>[0]
type IdOf<Level extends { readonly id: (item: any) => unknown }> = ReturnType<Level['id']>
type GroupsOf<L extends Levels> = L extends readonly [unknown, ...infer Groups]
  ? Groups[number]
  : never
type GroupPrefix<L extends Levels> = Extract<GroupsOf<L>, { readonly prefix: string }>['prefix']
type GroupId<L extends Levels, P extends string> = IdOf<
  Extract<GroupsOf<L>, { readonly prefix: P; readonly id: (item: any) => unknown }>
>

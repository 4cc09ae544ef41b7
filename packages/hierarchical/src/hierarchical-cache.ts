import {
  beginMutations,
  channels,
  limitTo,
  type CacheClient,
  type CacheStats,
  type CallOptions,
  type KeyPart,
  type LoadContext,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
import {
  ReadOutage,
  mapAtOnce,
  mutation,
  emit,
  type BulkContext,
  type LoadPolicy,
} from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import { GroupCache } from './group-cache.js'
import type { GroupRef } from './group-ref.js'
import { GroupMembership } from './group-membership.js'
import { decodeId, idCodec, textOf } from './ids.js'
import type { ResolvedGroupLevel, ResolvedLevels } from './levels.js'
import { withoutItemOptions, type CommonOptions } from './policy.js'
import { RecentLocations, type ItemLocation } from './recent-locations.js'
import type { HierarchicalStats } from './types.js'

/** What a `HierarchicalCache` needs. */
export interface HierarchicalDependencies<Item> {
  readonly client: CacheClient
  readonly levels: ResolvedLevels<Item>
  readonly policy: LoadPolicy<Item>
  readonly options: CommonOptions<Item>
  readonly maxGroupBytes: number
  /** The longest time for which a group may be cached, in ms. */
  readonly maxGroupTtl: number
}

type Maybe<Item> = Item | null | undefined

/** An item, its group, and the names of the versions that its entry depends on. */
interface ItemRef extends ItemLocation {
  readonly id: KeyPart
  /** The outage state of the call that reads the item. */
  readonly outage?: ReadOutage | undefined
}

/** The caches of one level of groups. */
interface Tier<Item> {
  readonly level: ResolvedGroupLevel<Item>
  /** Caches which group of this level holds an id of the level below. */
  readonly parents: Versioned<KeyPart | null | undefined, KeyPart>
  /** Caches the groups of this level. */
  readonly cache: GroupCache<Item>
}

/**
 * Caches items, and the groups of each level. A read goes up: item, group, group of groups, source.
 * An invalidation goes down, so that nothing is filled from an entry that is about to be dropped.
 */
export class HierarchicalCache<Item extends NonNullable<unknown>> {
  readonly #dependencies: HierarchicalDependencies<Item>
  readonly #items: Versioned<Maybe<Item>, ItemRef>
  /** The levels of groups, the lowest first. */
  readonly #tiers: readonly Tier<Item>[]
  readonly #membership: GroupMembership
  readonly #locations = new RecentLocations()
  readonly #limitSource = limitTo(10)

  constructor(dependencies: HierarchicalDependencies<Item>) {
    const { client, levels, options, policy, maxGroupTtl } = dependencies
    const [items, ...groups] = levels
    this.#dependencies = dependencies
    this.#items = createVersioned<Maybe<Item>, ItemRef>({
      ...options,
      client,
      prefix: items.prefix,
      key: ({ id }) => id,
      groups: ({ names }, item) =>
        item === undefined ? names : groups.map(({ idOf, nameOf }) => nameOf(idOf(item))),
      load: (ref, context) => this.#loadItem(ref, context),
      loadMany: (refs, context) => this.#loadItems(refs, context),
    })
    const parents = groups.map((level, i) =>
      createVersioned<KeyPart | null | undefined, KeyPart>({
        ...withoutItemOptions(options),
        client,
        prefix: parentsPrefix(levels[i]!.prefix, level.prefix),
        codec: idCodec(options.codec),
        groups: () => [],
        load: async (id) => level.groupOf(id),
      }),
    )
    this.#membership = new GroupMembership({
      client,
      versions: parents[0]!,
      versionName: `${items.prefix}::changes`,
      maxGroupTtl,
      maxLoadTime: 2 * policy.leaseTtl,
    })
    const tiers: Tier<Item>[] = []
    for (let i = groups.length - 1; i >= 0; i--) {
      const cache = new GroupCache<Item>({
        ...dependencies,
        membership: this.#membership,
        depth: i,
        level: groups[i]!,
        below: levels.slice(0, i + 1),
        parentCache: tiers[0]?.cache,
      })
      tiers.unshift({ level: groups[i]!, parents: parents[i]!, cache })
    }
    this.#tiers = tiers
  }

  async get(id: KeyPart, options?: CallOptions): Promise<Maybe<Item>> {
    const call: CallOptions = { ...options, outage: new ReadOutage() }
    const ref = await this.#locate(id, call)
    return isAbsent(ref) ? ref : this.#rememberLocation(ref, await this.#items.get(ref, call))
  }

  async getMany(ids: readonly KeyPart[], options?: CallOptions): Promise<Maybe<Item>[]> {
    const call: CallOptions = { ...options, outage: new ReadOutage() }
    for (const id of ids) textOf(id)
    const { parents } = this.#tiers[0]!
    const unknown = ids.filter((id) => !this.#recentLocation(id))
    const groups = unknown.length === 0 ? [] : await parents.getMany(unknown, call)
    const groupOf = new Map(unknown.map((id, i) => [textOf(id), groups[i]]))
    const refs = await mapAtOnce(ids, this.#dependencies.client.entries.atOnce, async (id) => {
      const location = this.#recentLocation(id)
      if (location) return { id, ...location, outage: call.outage }
      // A location may have been evicted in the meantime.
      const group = groupOf.has(textOf(id)) ? groupOf.get(textOf(id)) : await parents.get(id, call)
      return isAbsent(group) ? group : this.#itemRef(id, group, call)
    })
    const located = refs.filter((ref) => !isAbsent(ref))
    const items = await this.#items.getMany(located, call)
    let next = 0
    return refs.map((ref) => (isAbsent(ref) ? ref : this.#rememberLocation(ref, items[next++])))
  }

  async peek(id: KeyPart): Promise<Maybe<Item>> {
    const location = this.#recentLocation(id)
    const group = location ? location.group : await this.#tiers[0]!.parents.peek(id)
    if (isAbsent(group)) return group
    const ref = await this.#peekRef(0, group)
    if (ref === undefined) return undefined
    const item = await this.#items.peek({
      id,
      group,
      names: location?.names ?? this.#tiers[0]!.cache.versionNames(ref),
    })
    return item !== undefined
      ? item
      : (await this.#tiers[0]!.cache.peekItems(ref, [textOf(id)]))?.get(textOf(id))
  }

  async has(id: KeyPart): Promise<boolean> {
    const { parents, cache } = this.#tiers[0]!
    const location = this.#recentLocation(id)
    const group = location ? location.group : await parents.peek(id)
    if (isAbsent(group)) return group === null || parents.has(id)
    const ref = await this.#peekRef(0, group)
    if (ref === undefined) return false
    const names = location?.names ?? cache.versionNames(ref)
    if (await this.#items.has({ id, group, names })) return true
    return (await cache.peekItems(ref, [textOf(id)]))?.has(textOf(id)) ?? false
  }

  /**
   * Loads the group that holds the item, and replaces the cached one. The groups above are dropped
   * before that, so that nothing is taken from them that is older; the item's own entry is dropped
   * after it, so that the next read takes the item from the new group.
   */
  async refresh(id: KeyPart, call?: Pick<CallOptions, 'signal'>): Promise<Maybe<Item>> {
    const { parents, cache } = this.#tiers[0]!
    const previous = await parents.peek(id)
    const group = await parents.refresh(id, call)
    const hasMoved = isAbsent(previous) || isAbsent(group) || textOf(previous) !== textOf(group)
    if (!hasMoved) {
      const ref = await this.#groupRef(0, group, call)
      const above: KeyPart[] = []
      for (let { parent } = ref; parent; { parent } = parent) above.push(parent.id)
      for (let i = above.length; i > 0; i--) await this.#tiers[i]!.cache.drop([above[i - 1]!])
      const items = await cache.refresh(ref, [textOf(id)], call)
      await this.#items.invalidate({ id, group, names: [] })
      const item = items.get(textOf(id))
      if (item !== undefined) return this.#rememberLocation({ id, group, names: [] }, item)
    }
    // Drop the groups that held it, and read it where it is now.
    await this.invalidate([id])
    return this.get(id, call)
  }

  /** Waits level by level, because a reload may read a group and start another reload. */
  async idle(): Promise<void> {
    await this.#items.idle()
    for (const { parents, cache } of this.#tiers) await Promise.all([parents.idle(), cache.idle()])
  }

  stats(): HierarchicalStats {
    const items = this.#items.stats()
    const [{ prefix }, ...groups] = this.#dependencies.levels
    const caches: Record<string, CacheStats> = { [prefix]: items }
    for (const [i, level] of groups.entries()) {
      const { parents, cache } = this.#tiers[i]!
      caches[level.prefix] = cache.stats()
      caches[parentsPrefix(this.#dependencies.levels[i]!.prefix, level.prefix)] = parents.stats()
    }
    return { ...items, caches }
  }

  async getGroup(depth: number, id: KeyPart, options?: CallOptions): Promise<readonly Item[]> {
    const call: CallOptions = { ...options, outage: new ReadOutage() }
    textOf(id)
    return this.#tiers[depth]!.cache.getAll(await this.#groupRef(depth, id, call), call)
  }

  async peekGroup(depth: number, id: KeyPart): Promise<readonly Item[] | undefined> {
    textOf(id)
    const ref = await this.#peekRef(depth, id)
    return ref && this.#tiers[depth]!.cache.peek(ref)
  }

  async invalidate(ids: readonly KeyPart[]): Promise<void> {
    const { keyOf } = this.#dependencies.levels[0]
    await this.#dropContainingGroups(0, ids)
    await Promise.all([
      this.#items.invalidate(ids.map((id) => ({ id, group: id, names: [] }))),
      this.#tiers[0]!.parents.invalidate(ids),
    ])
    for (const id of ids) this.#locations.delete(keyOf(id))
  }

  async invalidateGroup(depth: number, ids: readonly KeyPart[]): Promise<void> {
    for (const id of ids) textOf(id)
    if (depth + 1 < this.#tiers.length) {
      await this.#dropContainingGroups(depth + 1, ids)
      await this.#tiers[depth + 1]!.parents.invalidate(ids)
    }
    await this.#tiers[depth]!.cache.bump(ids)
  }

  /**
   * Begins a mutation of items. While it is open, these items, their locations and the groups that
   * hold them are not cached.
   */
  async beginMutation(
    ids: readonly KeyPart[],
    options: MutationOptions | undefined,
  ): Promise<Mutation> {
    const { parents, level } = this.#tiers[0]!
    const currentGroups = await Promise.all(
      ids.map((id) => this.#limitSource(() => level.groupOf(id))),
    )
    const groups = this.#tiers.map(() => new Map<string, KeyPart>())
    await this.#forEachAncestor(
      0,
      currentGroups.filter((group) => !isAbsent(group)),
      (tier, id) => groups[tier]!.set(textOf(id), id),
    )
    const open = await beginMutations(
      ...this.#tiers.map(
        ({ cache }, tier) =>
          () =>
            cache.beginMutation([...groups[tier]!.values()], options),
      ),
      () => parents.beginMutation(ids, options),
      () =>
        this.#items.beginMutation(
          ids.map((id) => ({ id, group: id, names: [] })),
          options,
        ),
    )
    return mutation({
      commit: () => commitAfter(() => this.invalidate(ids), open),
      abort: () => open.abort(),
    })
  }

  /** Begins a mutation of groups and everything that they hold. */
  async beginGroupMutation(
    depth: number,
    ids: readonly KeyPart[],
    options: MutationOptions | undefined,
  ): Promise<Mutation> {
    for (const id of ids) textOf(id)
    const open = await this.#tiers[depth]!.cache.beginGroupMutation(ids, options)
    return mutation({
      commit: () => commitAfter(() => this.invalidateGroup(depth, ids), open),
      abort: () => open.abort(),
    })
  }

  /** Drops the groups that held or hold these ids, the highest level first. */
  async #dropContainingGroups(depth: number, ids: readonly KeyPart[]): Promise<void> {
    const keys = ids.map((id) => this.#dependencies.levels[depth]!.keyOf(id))
    const currentParents = Promise.allSettled(
      ids.map((id) => this.#limitSource(() => this.#tiers[depth]!.level.groupOf(id))),
    )
    const changeStamp = await this.#membership.beginChange()
    const recorded = await this.#membership.recordChange(keys, changeStamp)
    const cached = await mapAtOnce(ids, this.#dependencies.client.entries.atOnce, (id) =>
      this.#tiers[depth]!.parents.peek(id),
    )
    const current = await currentParents

    const dropping = this.#tiers.map(() => new Map<string, KeyPart>())
    const add = (tier: number, id: KeyPart): unknown => dropping[tier]?.set(textOf(id), id)
    for (const text of recorded) this.#decodeMembership(text, add)
    const parents = [
      ...cached,
      ...current.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined)),
    ].filter((group) => !isAbsent(group))
    await this.#forEachAncestor(depth, parents, add)
    for (let tier = this.#tiers.length - 1; tier >= depth; tier--)
      await this.#tiers[tier]!.cache.drop([...dropping[tier]!.values()])
    await this.#membership.remove(keys, changeStamp)
    for (const answer of current) if (answer.status === 'rejected') throw answer.reason
  }

  /**
   * Decodes a recorded group, and passes it to `visit`. A record of another format names no group,
   * and must not prevent the other groups from being dropped.
   */
  #decodeMembership(text: string, visit: (tier: number, id: KeyPart) => unknown): void {
    const colon = text.indexOf(':')
    try {
      visit(Number(text.slice(0, colon)), decodeId(text.slice(colon + 1)))
    } catch (error) {
      emit(channels.error, () => ({
        operation: 'invalidate',
        key: this.#dependencies.levels[0].prefix,
        error,
      }))
    }
  }

  /** Calls `visit` for groups of a level, and for the groups above that hold them. */
  async #forEachAncestor(
    depth: number,
    groups: readonly KeyPart[],
    visit: (tier: number, id: KeyPart) => unknown,
  ): Promise<void> {
    const distinct = [...new Map(groups.map((group) => [textOf(group), group])).values()]
    await mapAtOnce(distinct, this.#dependencies.client.entries.atOnce, async (group) => {
      let ref: GroupRef | undefined = await this.#groupRef(depth, group)
      for (let tier = depth; ref; tier++, ref = ref.parent) visit(tier, ref.id)
    })
  }

  async #loadItem(ref: ItemRef, context: LoadContext<Item>): Promise<Maybe<Item>> {
    const call = { signal: context.signal, outage: ref.outage }
    return this.#takeItem(await this.#readGroup(ref.group, [textOf(ref.id)], call), ref, context)
  }

  #loadItems(
    refs: readonly ItemRef[],
    { signal, contexts }: BulkContext<Item>,
  ): readonly Promise<Maybe<Item>>[] {
    const idsByGroup = new Map<string, { readonly group: KeyPart; readonly ids: string[] }>()
    const outage = refs[0]?.outage
    for (const { id, group } of refs) {
      const entry = idsByGroup.get(textOf(group))
      if (entry) entry.ids.push(textOf(id))
      else idsByGroup.set(textOf(group), { group, ids: [textOf(id)] })
    }
    const reads = new Map(
      [...idsByGroup].map(([text, { group, ids }]) => [
        text,
        this.#limitSource(() => this.#readGroup(group, ids, { signal, outage })),
      ]),
    )
    return refs.map(async (ref, i) =>
      this.#takeItem(await reads.get(textOf(ref.group))!, ref, contexts[i]!),
    )
  }

  /** Returns some items of a group, and how long the group is still fresh. */
  async #readGroup(
    group: KeyPart,
    ids: readonly string[],
    call: CallOptions,
  ): Promise<GroupRead<Item>> {
    const { cache } = this.#tiers[0]!
    const readingFreshness = cache.freshFor({ id: group, parent: undefined, outage: call.outage })
    const ref = await this.#groupRef(0, group, call)
    const items = await cache.getItems(ref, ids, call)
    const before = await readingFreshness
    // A group that was stale may have been loaded since.
    return {
      items,
      freshFor: before !== undefined && before <= 0 ? await cache.freshFor(ref) : before,
    }
  }

  /**
   * Returns an item of a group that was read. The item is cached for as long as the group is fresh.
   */
  async #takeItem(
    { items, freshFor }: GroupRead<Item>,
    ref: ItemRef,
    context: LoadContext<Item>,
  ): Promise<Maybe<Item>> {
    const item = items.get(textOf(ref.id))
    if (item === undefined) return this.#searchSource(ref, context)
    if (freshFor !== undefined) {
      if (freshFor > 0)
        context.ttl(
          Math.max(1, Math.floor(freshFor / (1 + (this.#dependencies.options.jitter ?? 0)))),
        )
      else context.skip()
    }
    return item
  }

  /**
   * Searches the source for an item that its cached group does not hold. The item may have moved or
   * may be new, and no invalidation has arrived yet. "There is none" is answered only if the source
   * says so.
   */
  async #searchSource(ref: ItemRef, { signal }: LoadContext<Item>): Promise<Maybe<Item>> {
    const { level, parents, cache } = this.#tiers[0]!
    const id = textOf(ref.id)
    let searched = textOf(ref.group)
    let group = await level.groupOf(ref.id)
    for (let attempt = 0; attempt < MAX_MOVES; attempt++) {
      if (isAbsent(group)) return group
      if (textOf(group) !== searched) {
        if (!ref.outage?.down) await this.#invalidateParent(ref.id, parents)
        const item = (await this.#readGroup(group, [id], { signal, outage: ref.outage })).items.get(
          id,
        )
        if (item !== undefined) return item
      }
      searched = textOf(group)
      const item = (await this.#limitSource(() => cache.loadFromSource(group!, signal))).get(id)
      if (item !== undefined) return item
      group = await level.groupOf(ref.id)
      if (!isAbsent(group) && textOf(group) === searched) return null
    }
    return null
  }

  async #invalidateParent(id: KeyPart, parents: Tier<Item>['parents']): Promise<void> {
    const key = this.#dependencies.levels[0].keyOf(id)
    this.#locations.delete(key)
    await parents
      .invalidate(id)
      .catch((error: unknown) => emit(channels.error, () => ({ operation: 'group', key, error })))
  }

  /** Returns the location of an item; `null` or `undefined` if no group holds it. */
  async #locate(id: KeyPart, call: CallOptions | undefined): Promise<ItemRef | null | undefined> {
    const location = this.#recentLocation(id)
    if (location) return { id, ...location, outage: call?.outage }
    const group = await this.#tiers[0]!.parents.get(id, call)
    return isAbsent(group) ? group : this.#itemRef(id, group, call)
  }

  async #itemRef(id: KeyPart, group: KeyPart, call?: CallOptions): Promise<ItemRef> {
    return {
      id,
      group,
      names: this.#tiers[0]!.cache.versionNames(await this.#groupRef(0, group, call)),
      outage: call?.outage,
    }
  }

  /** Returns a group with the groups above that hold it. */
  async #groupRef(depth: number, id: KeyPart, call?: CallOptions): Promise<GroupRef> {
    const parent = await this.#tiers[depth + 1]?.parents.get(id, call)
    return {
      id,
      parent: isAbsent(parent) ? undefined : await this.#groupRef(depth + 1, parent, call),
      outage: call?.outage,
    }
  }

  /** Returns a group like `#groupRef`; `undefined` if its parents are not cached. */
  async #peekRef(depth: number, id: KeyPart): Promise<GroupRef | undefined> {
    const above = this.#tiers[depth + 1]
    if (!above) return { id, parent: undefined }
    const parentId = await above.parents.peek(id)
    if (parentId === undefined) return undefined
    if (parentId === null) return { id, parent: undefined }
    const parent = await this.#peekRef(depth + 1, parentId)
    return parent && { id, parent }
  }

  #recentLocation(id: KeyPart): ItemLocation | undefined {
    return this.#locations.get(this.#dependencies.levels[0].keyOf(id))
  }

  /** Remembers the location of an item that was read, and returns the item. */
  #rememberLocation({ id, group }: ItemRef, item: Maybe<Item>): Maybe<Item> {
    if (isAbsent(item)) return item
    const key = this.#dependencies.levels[0].keyOf(id)
    const groups = this.#tiers.map(({ level }) => level)
    const currentGroup = groups[0]!.idOf(item)
    const known =
      groups.length === 1 && currentGroup === group && this.#locations.get(key) !== undefined
    if (!known)
      this.#locations.set(key, {
        group: currentGroup,
        names: groups.map(({ idOf, nameOf }) => nameOf(idOf(item))),
      })
    return item
  }
}

/** Runs `drop` and commits the open mutations after it, even if `drop` rejects. */
async function commitAfter(drop: () => Promise<void>, open: Mutation): Promise<void> {
  const [dropped] = await Promise.allSettled([drop()])
  const [committed] = await Promise.allSettled([open.commit()])
  for (const outcome of [dropped, committed])
    if (outcome.status === 'rejected') throw outcome.reason
}

/**
 * Returns the prefix of the keys that say which group holds an item or a group. A prefix has at
 * most one hash tag.
 */
function parentsPrefix(below: string, above: string): string {
  return `${below}:in:${below.includes('{') ? above.replaceAll(/[{}]/g, '') : above}`
}

/** How many moves of an item one read follows. */
const MAX_MOVES = 3

/** The result of reading items out of a group. */
interface GroupRead<Item> {
  readonly items: ReadonlyMap<string, Item>
  /** For how many ms the group is still fresh; `undefined` if it has just been loaded. */
  readonly freshFor: number | undefined
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

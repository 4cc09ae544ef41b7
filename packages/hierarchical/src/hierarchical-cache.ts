import {
  beginMutations,
  channels,
  limitTo,
  type CacheClient,
  type CallOptions,
  type KeyPart,
  type LoadContext,
  type Mutation,
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
import { GroupCache, type GroupRef } from './group-cache.js'
import { Hints, type Hint } from './hints.js'
import { Holders } from './group-membership.js'
import { decodeId, idCodec, textOf } from './ids.js'
import type { AllLevels, Groups } from './levels.js'
import { plainOf, type CommonOptions } from './policy.js'
import type { MutationTime } from './types.js'

export interface TreeWiring<Item> {
  readonly client: CacheClient
  readonly levels: AllLevels<Item>
  readonly policy: LoadPolicy<Item>
  readonly options: CommonOptions<Item>
  readonly maxGroupBytes: number
  /** The longest that a group may be cached, ms. */
  readonly heldFor: number
}

type Maybe<Item> = Item | null | undefined

/** An item, and where it is to be found. */
interface ItemRef {
  readonly id: KeyPart
  readonly group: KeyPart
  readonly names: readonly string[]
  /** Of the call that asks for it. */
  readonly outage?: ReadOutage | undefined
}

/** One level of groups: which of them holds what, and what they hold. */
interface Tier<Item> {
  readonly level: Groups<Item>
  readonly parents: Versioned<KeyPart | null | undefined, KeyPart>
  readonly cache: GroupCache<Item>
}

/**
 * Items and the levels of their groups. A read goes up: item, group, group of groups, source. An
 * invalidation comes down, so that nothing is filled from what is still to be dropped.
 */
export class Tree<Item extends NonNullable<unknown>> {
  readonly #wiring: TreeWiring<Item>
  readonly #items: Versioned<Maybe<Item>, ItemRef>
  /** The lowest first. */
  readonly #tiers: readonly Tier<Item>[]
  readonly #holders: Holders
  readonly #hints = new Hints()
  readonly #fromSource = limitTo(10)

  constructor(wiring: TreeWiring<Item>) {
    const { client, levels, options, policy, heldFor } = wiring
    const [items, ...groups] = levels
    this.#wiring = wiring
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
        ...plainOf(options),
        client,
        prefix: parentsPrefix(levels[i]!.prefix, level.prefix),
        codec: idCodec(options.codec),
        groups: () => [],
        load: async (id) => level.of(id),
      }),
    )
    this.#holders = new Holders({
      client,
      clock: parents[0]!,
      name: `${items.prefix}::changes`,
      heldFor,
      loadFor: 2 * policy.leaseTtl,
    })
    const tiers: Tier<Item>[] = []
    for (let i = groups.length - 1; i >= 0; i--) {
      const cache = new GroupCache<Item>({
        ...wiring,
        holders: this.#holders,
        depth: i,
        level: groups[i]!,
        below: levels.slice(0, i + 1),
        above: tiers[0]?.cache,
      })
      tiers.unshift({ level: groups[i]!, parents: parents[i]!, cache })
    }
    this.#tiers = tiers
  }

  async get(id: KeyPart, own?: CallOptions): Promise<Maybe<Item>> {
    const call: CallOptions = { ...own, outage: new ReadOutage() }
    const ref = await this.#find(id, call)
    return isNone(ref) ? ref : this.#remember(ref, await this.#items.get(ref, call))
  }

  async getMany(ids: readonly KeyPart[], own?: CallOptions): Promise<Maybe<Item>[]> {
    const call: CallOptions = { ...own, outage: new ReadOutage() }
    for (const id of ids) textOf(id)
    const { parents } = this.#tiers[0]!
    const unknown = ids.filter((id) => !this.#hintOf(id))
    const found = unknown.length === 0 ? [] : await parents.getMany(unknown, call)
    const groupOf = new Map(unknown.map((id, i) => [textOf(id), found[i]]))
    const refs = await mapAtOnce(ids, this.#wiring.client.entries.atOnce, async (id) => {
      const hint = this.#hintOf(id)
      if (hint) return { id, ...hint, outage: call.outage }
      // A hint that was forgotten meanwhile.
      const group = groupOf.has(textOf(id)) ? groupOf.get(textOf(id)) : await parents.get(id, call)
      return isNone(group) ? group : this.#refOf(id, group, call)
    })
    const there = refs.filter((ref) => !isNone(ref))
    const items = await this.#items.getMany(there, call)
    let next = 0
    return refs.map((ref) => (isNone(ref) ? ref : this.#remember(ref, items[next++])))
  }

  async peek(id: KeyPart): Promise<Maybe<Item>> {
    const hint = this.#hintOf(id)
    const group = hint ? hint.group : await this.#tiers[0]!.parents.peek(id)
    if (isNone(group)) return group
    const ref = await this.#peekRef(0, group)
    if (ref === undefined) return undefined
    const item = await this.#items.peek({
      id,
      group,
      names: hint?.names ?? this.#tiers[0]!.cache.namesOf(ref),
    })
    return item !== undefined
      ? item
      : (await this.#tiers[0]!.cache.peekSome(ref, [textOf(id)]))?.get(textOf(id))
  }

  /** What is read for a reload may start another. */
  async idle(): Promise<void> {
    await this.#items.idle()
    for (const { parents, cache } of this.#tiers) await Promise.all([parents.idle(), cache.idle()])
  }

  async getGroup(depth: number, id: KeyPart, own?: CallOptions): Promise<readonly Item[]> {
    const call: CallOptions = { ...own, outage: new ReadOutage() }
    textOf(id)
    return this.#tiers[depth]!.cache.all(await this.#groupRef(depth, id, call), call)
  }

  async peekGroup(depth: number, id: KeyPart): Promise<readonly Item[] | undefined> {
    textOf(id)
    const ref = await this.#peekRef(depth, id)
    return ref && this.#tiers[depth]!.cache.peek(ref)
  }

  async invalidate(ids: readonly KeyPart[]): Promise<void> {
    const { keyOf } = this.#wiring.levels[0]
    await this.#dropHolders(0, ids)
    await Promise.all([
      this.#items.invalidate(ids.map((id) => ({ id, group: id, names: [] }))),
      this.#tiers[0]!.parents.invalidate(ids),
    ])
    for (const id of ids) this.#hints.delete(keyOf(id))
  }

  async invalidateGroup(depth: number, ids: readonly KeyPart[]): Promise<void> {
    for (const id of ids) textOf(id)
    if (depth + 1 < this.#tiers.length) {
      await this.#dropHolders(depth + 1, ids)
      await this.#tiers[depth + 1]!.parents.invalidate(ids)
    }
    await this.#tiers[depth]!.cache.bump(ids)
  }

  /**
   * While it is open nothing is kept of these items, of where they are, and of the groups that hold
   * them.
   */
  async beginMutation(ids: readonly KeyPart[], own: MutationTime | undefined): Promise<Mutation> {
    const { parents, level } = this.#tiers[0]!
    const of = await Promise.all(ids.map((id) => this.#fromSource(() => level.of(id))))
    const groups = this.#tiers.map(() => new Map<string, KeyPart>())
    await this.#eachHolder(
      0,
      of.filter((group) => !isNone(group)),
      (tier, id) => groups[tier]!.set(textOf(id), id),
    )
    const open = await beginMutations(
      ...this.#tiers.map(
        ({ cache }, tier) =>
          () =>
            cache.beginMutation([...groups[tier]!.values()], own),
      ),
      () => parents.beginMutation(ids, own),
      () =>
        this.#items.beginMutation(
          ids.map((id) => ({ id, group: id, names: [] })),
          own,
        ),
    )
    return mutation({
      commit: () => commitAfter(() => this.invalidate(ids), open),
      abort: () => open.abort(),
    })
  }

  /** As `beginMutation`, of groups and all that they hold. */
  async beginGroupMutation(
    depth: number,
    ids: readonly KeyPart[],
    own: MutationTime | undefined,
  ): Promise<Mutation> {
    for (const id of ids) textOf(id)
    const open = await this.#tiers[depth]!.cache.beginGroupMutation(ids, own)
    return mutation({
      commit: () => commitAfter(() => this.invalidateGroup(depth, ids), open),
      abort: () => open.abort(),
    })
  }

  /** Drops the groups that hold these, as they were or as they are, those that hold most first. */
  async #dropHolders(depth: number, ids: readonly KeyPart[]): Promise<void> {
    const keys = ids.map((id) => this.#wiring.levels[depth]!.keyOf(id))
    const asking = Promise.allSettled(
      ids.map((id) => this.#fromSource(() => this.#tiers[depth]!.level.of(id))),
    )
    const change = await this.#holders.change()
    const former = await this.#holders.of(keys, change)
    const cached = await mapAtOnce(ids, this.#wiring.client.entries.atOnce, (id) =>
      this.#tiers[depth]!.parents.peek(id),
    )
    const current = await asking

    const dropping = this.#tiers.map(() => new Map<string, KeyPart>())
    const add = (tier: number, id: KeyPart): unknown => dropping[tier]?.set(textOf(id), id)
    for (const holder of former) this.#readHolder(holder, add)
    const parents = [
      ...cached,
      ...current.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined)),
    ].filter((group) => !isNone(group))
    await this.#eachHolder(depth, parents, add)
    for (let tier = this.#tiers.length - 1; tier >= depth; tier--)
      await this.#tiers[tier]!.cache.drop([...dropping[tier]!.values()])
    await this.#holders.forget(keys, change)
    for (const answer of current) if (answer.status === 'rejected') throw answer.reason
  }

  /**
   * A group as it was noted. What nobody of us has noted holds nothing, and must not keep others
   * from being dropped.
   */
  #readHolder(noted: string, found: (tier: number, id: KeyPart) => unknown): void {
    const colon = noted.indexOf(':')
    try {
      found(Number(noted.slice(0, colon)), decodeId(noted.slice(colon + 1)))
    } catch (error) {
      emit(channels.error, () => ({
        operation: 'invalidate',
        key: this.#wiring.levels[0].prefix,
        error,
      }))
    }
  }

  /** Groups of a level, and what holds them. */
  async #eachHolder(
    depth: number,
    groups: readonly KeyPart[],
    found: (tier: number, id: KeyPart) => unknown,
  ): Promise<void> {
    const once = [...new Map(groups.map((group) => [textOf(group), group])).values()]
    await mapAtOnce(once, this.#wiring.client.entries.atOnce, async (group) => {
      let ref: GroupRef | undefined = await this.#groupRef(depth, group)
      for (let tier = depth; ref; tier++, ref = ref.above) found(tier, ref.id)
    })
  }

  async #loadItem(ref: ItemRef, context: LoadContext<Item>): Promise<Maybe<Item>> {
    return this.#outOf(
      await this.#pick(ref.group, [textOf(ref.id)], { signal: context.signal, outage: ref.outage }),
      ref,
      context,
    )
  }

  #loadItems(
    refs: readonly ItemRef[],
    { signal, contexts }: BulkContext<Item>,
  ): readonly Promise<Maybe<Item>>[] {
    const wanted = new Map<string, { readonly group: KeyPart; readonly ids: string[] }>()
    const outage = refs[0]?.outage
    for (const { id, group } of refs) {
      const of = wanted.get(textOf(group))
      if (of) of.ids.push(textOf(id))
      else wanted.set(textOf(group), { group, ids: [textOf(id)] })
    }
    const picks = new Map(
      [...wanted].map(([text, { group, ids }]) => [
        text,
        this.#fromSource(() => this.#pick(group, ids, { signal, outage })),
      ]),
    )
    return refs.map(async (ref, i) =>
      this.#outOf(await picks.get(textOf(ref.group))!, ref, contexts[i]!),
    )
  }

  /** Items of a group, and how long it is still fresh. */
  async #pick(group: KeyPart, ids: readonly string[], call: CallOptions): Promise<Pick<Item>> {
    const { cache } = this.#tiers[0]!
    const asking = cache.freshFor({ id: group, above: undefined, outage: call.outage })
    const ref = await this.#groupRef(0, group, call)
    const items = await cache.some(ref, ids, call)
    const before = await asking
    // It was stale: maybe it has been loaded since.
    return {
      items,
      freshFor: before !== undefined && before <= 0 ? await cache.freshFor(ref) : before,
    }
  }

  async #outOf(
    { items, freshFor }: Pick<Item>,
    ref: ItemRef,
    context: LoadContext<Item>,
  ): Promise<Maybe<Item>> {
    const item = items.get(textOf(ref.id))
    if (item === undefined) return this.#elsewhere(ref, context)
    if (freshFor !== undefined) {
      if (freshFor > 0)
        context.ttl(Math.max(1, Math.floor(freshFor / (1 + (this.#wiring.options.jitter ?? 0)))))
      else context.skip()
    }
    return item
  }

  /**
   * The group does not hold the item, as far as the cache knows: but the item may have moved, or
   * may be new, and nobody has said so yet. The source knows. To answer that there is none, it must
   * have said so.
   */
  async #elsewhere(ref: ItemRef, { signal }: LoadContext<Item>): Promise<Maybe<Item>> {
    const { level, parents, cache } = this.#tiers[0]!
    const id = textOf(ref.id)
    let looked = textOf(ref.group)
    let group = await level.of(ref.id)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (isNone(group)) return group
      if (textOf(group) !== looked) {
        if (!ref.outage?.down) await this.#forgetParent(ref.id, parents)
        const item = (await this.#pick(group, [id], { signal, outage: ref.outage })).items.get(id)
        if (item !== undefined) return item
      }
      looked = textOf(group)
      const item = (await this.#fromSource(() => cache.load(group!, signal))).get(id)
      if (item !== undefined) return item
      group = await level.of(ref.id)
      if (!isNone(group) && textOf(group) === looked) return null
    }
    return null
  }

  async #forgetParent(id: KeyPart, parents: Tier<Item>['parents']): Promise<void> {
    const key = this.#wiring.levels[0].keyOf(id)
    this.#hints.delete(key)
    await parents
      .invalidate(id)
      .catch((error: unknown) => emit(channels.error, () => ({ operation: 'group', key, error })))
  }

  async #find(id: KeyPart, call: CallOptions | undefined): Promise<ItemRef | null | undefined> {
    const hint = this.#hintOf(id)
    if (hint) return { id, ...hint, outage: call?.outage }
    const group = await this.#tiers[0]!.parents.get(id, call)
    return isNone(group) ? group : this.#refOf(id, group, call)
  }

  async #refOf(id: KeyPart, group: KeyPart, call?: CallOptions): Promise<ItemRef> {
    return {
      id,
      group,
      names: this.#tiers[0]!.cache.namesOf(await this.#groupRef(0, group, call)),
      outage: call?.outage,
    }
  }

  /** A group with what holds it. */
  async #groupRef(depth: number, id: KeyPart, call?: CallOptions): Promise<GroupRef> {
    const holder = await this.#tiers[depth + 1]?.parents.get(id, call)
    return {
      id,
      above: isNone(holder) ? undefined : await this.#groupRef(depth + 1, holder, call),
      outage: call?.outage,
    }
  }

  /** As far as it is cached; `undefined`: it is not. */
  async #peekRef(depth: number, id: KeyPart): Promise<GroupRef | undefined> {
    const above = this.#tiers[depth + 1]
    if (!above) return { id, above: undefined }
    const holder = await above.parents.peek(id)
    if (holder === undefined) return undefined
    const ref = holder === null ? undefined : await this.#peekRef(depth + 1, holder)
    return holder !== null && ref === undefined ? undefined : { id, above: ref }
  }

  #hintOf(id: KeyPart): Hint | undefined {
    return this.#hints.get(this.#wiring.levels[0].keyOf(id))
  }

  #remember({ id, group }: ItemRef, item: Maybe<Item>): Maybe<Item> {
    if (isNone(item)) return item
    const key = this.#wiring.levels[0].keyOf(id)
    const groups = this.#tiers.map(({ level }) => level)
    const now = groups[0]!.idOf(item)
    const known = groups.length === 1 && now === group && this.#hints.get(key) !== undefined
    if (!known)
      this.#hints.set(key, {
        group: now,
        names: groups.map(({ idOf, nameOf }) => nameOf(idOf(item))),
      })
    return item
  }
}

/**
 * Ends the open changes, which drops what they began with, also where a part of what is dropped
 * before could not be.
 */
async function commitAfter(drop: () => Promise<void>, open: Mutation): Promise<void> {
  const [dropped] = await Promise.allSettled([drop()])
  const [ended] = await Promise.allSettled([open.commit()])
  for (const one of [dropped, ended]) if (one.status === 'rejected') throw one.reason
}

/**
 * What the keys begin with that say in which group an item, or a group, is. A prefix has one hash
 * tag at most.
 */
function parentsPrefix(below: string, above: string): string {
  return `${below}:in:${below.includes('{') ? above.replaceAll(/[{}]/g, '') : above}`
}

/** Moves that one read keeps up with. */
const ATTEMPTS = 3

interface Pick<Item> {
  readonly items: ReadonlyMap<string, Item>
  /** Ms; `undefined`: it has just been loaded. */
  readonly freshFor: number | undefined
}

function isNone(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

import { limitTo, type CacheStats, type CallOptions, type KeyPart } from '@cache/core'
import { ReadOutage } from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import { textOf } from './ids.js'
import { Invalidation } from './invalidation.js'
import { ItemLoader } from './item-loader.js'
import { ItemLocator, type ItemRef } from './item-locator.js'
import { isAbsent, type Maybe } from './maybe.js'
import { Tiers, type HierarchicalDependencies } from './tiers.js'
import type { HierarchicalStats } from './types.js'

/**
 * Caches items, and the groups of each level. A read goes up: item, group, group of groups, source.
 */
export class HierarchicalCache<Item extends NonNullable<unknown>> {
  /** Invalidates its items and groups. */
  readonly invalidation: Invalidation<Item>
  readonly #itemPrefix: string
  readonly #items: Versioned<Maybe<Item>, ItemRef>
  readonly #tiers: Tiers<Item>
  readonly #locator: ItemLocator<Item>

  constructor(dependencies: HierarchicalDependencies<Item>) {
    const { client, levels, options } = dependencies
    const [{ prefix }, ...groups] = levels
    const tiers = new Tiers(dependencies)
    const locator = new ItemLocator(dependencies, tiers)
    const limitSource = limitTo(10)
    const loader = new ItemLoader({ levels, options, tiers, locator, limitSource })
    const items = createVersioned<Maybe<Item>, ItemRef>({
      ...options,
      client,
      prefix,
      key: ({ id }) => id,
      groups: ({ names }, item) =>
        item === undefined ? names : groups.map(({ idOf, nameOf }) => nameOf(idOf(item))),
      load: (ref, context) => loader.load(ref, context),
      loadMany: (refs, context) => loader.loadMany(refs, context),
    })
    this.invalidation = new Invalidation({ client, levels, tiers, items, locator, limitSource })
    this.#itemPrefix = prefix
    this.#items = items
    this.#tiers = tiers
    this.#locator = locator
  }

  async get(id: KeyPart, options?: CallOptions): Promise<Maybe<Item>> {
    const call: CallOptions = { ...options, outage: new ReadOutage() }
    const ref = await this.#locator.locate(id, call)
    return isAbsent(ref) ? ref : this.#locator.remember(ref, await this.#items.get(ref, call))
  }

  async getMany(ids: readonly KeyPart[], options?: CallOptions): Promise<Maybe<Item>[]> {
    const call: CallOptions = { ...options, outage: new ReadOutage() }
    for (const id of ids) textOf(id)
    const refs = await this.#locator.locateMany(ids, call)
    const located = refs.filter((ref) => !isAbsent(ref))
    const items = await this.#items.getMany(located, call)
    let next = 0
    return refs.map((ref) => (isAbsent(ref) ? ref : this.#locator.remember(ref, items[next++])))
  }

  async peek(id: KeyPart): Promise<Maybe<Item>> {
    const { parents, cache } = this.#tiers.lowest
    const location = this.#locator.recent(id)
    const group = location ? location.group : await parents.peek(id)
    if (isAbsent(group)) return group
    const ref = await this.#tiers.peekRef(0, group)
    if (ref === undefined) return undefined
    const names = location?.names ?? cache.versionNames(ref)
    const item = await this.#items.peek({ id, group, names })
    return item !== undefined ? item : (await cache.peekItems(ref, [textOf(id)]))?.get(textOf(id))
  }

  async has(id: KeyPart): Promise<boolean> {
    const { parents, cache } = this.#tiers.lowest
    const location = this.#locator.recent(id)
    const group = location ? location.group : await parents.peek(id)
    if (isAbsent(group)) return group === null || parents.has(id)
    const ref = await this.#tiers.peekRef(0, group)
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
    const { parents, cache } = this.#tiers.lowest
    const previous = await parents.peek(id)
    const group = await parents.refresh(id, call)
    const hasMoved = isAbsent(previous) || isAbsent(group) || textOf(previous) !== textOf(group)
    if (!hasMoved) {
      const ref = await this.#tiers.groupRef(0, group, call)
      const above: KeyPart[] = []
      for (let { parent } = ref; parent; { parent } = parent) above.push(parent.id)
      for (let i = above.length; i > 0; i--) await this.#tiers.all[i]!.cache.drop([above[i - 1]!])
      const items = await cache.refresh(ref, [textOf(id)], call)
      await this.#items.invalidate({ id, group, names: [] })
      const item = items.get(textOf(id))
      if (item !== undefined) return this.#locator.remember({ id, group, names: [] }, item)
    }
    // Drop the groups that held it, and read it where it is now.
    await this.invalidation.invalidateItems([id])
    return this.get(id, call)
  }

  async getGroup(depth: number, id: KeyPart, options?: CallOptions): Promise<readonly Item[]> {
    const call: CallOptions = { ...options, outage: new ReadOutage() }
    textOf(id)
    return this.#tiers.all[depth]!.cache.getAll(await this.#tiers.groupRef(depth, id, call), call)
  }

  async peekGroup(depth: number, id: KeyPart): Promise<readonly Item[] | undefined> {
    textOf(id)
    const ref = await this.#tiers.peekRef(depth, id)
    return ref && this.#tiers.all[depth]!.cache.peek(ref)
  }

  /** Waits level by level, because a reload may read a group and start another reload. */
  async idle(): Promise<void> {
    await this.#items.idle()
    for (const { parents, cache } of this.#tiers.all)
      await Promise.all([parents.idle(), cache.idle()])
  }

  stats(): HierarchicalStats {
    const items = this.#items.stats()
    const caches: Record<string, CacheStats> = { [this.#itemPrefix]: items }
    for (const { level, parents, parentsPrefix, cache } of this.#tiers.all) {
      caches[level.prefix] = cache.stats()
      caches[parentsPrefix] = parents.stats()
    }
    return { ...items, caches }
  }
}

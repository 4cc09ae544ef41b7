import type { CacheClient, CallOptions, KeyPart } from '@cache/core'
import { mapAtOnce, type ReadOutage } from '@cache/core/internal'
import { textOf } from './ids.js'
import { isAbsent, type Maybe } from './maybe.js'
import { RecentLocations, type ItemLocation } from './recent-locations.js'
import type { HierarchicalDependencies, Tiers } from './tiers.js'

/** An item, its group, and the names of the versions that its entry depends on. */
export interface ItemRef extends ItemLocation {
  readonly id: KeyPart
  /** The outage state of the call that reads the item. */
  readonly outage?: ReadOutage | undefined
}

/** Finds the groups that hold items, and remembers where items have been read. */
export class ItemLocator<Item extends NonNullable<unknown>> {
  readonly #client: CacheClient
  readonly #keyOf: (id: KeyPart) => string
  readonly #tiers: Tiers<Item>
  readonly #locations = new RecentLocations()

  constructor(
    { client, levels }: Pick<HierarchicalDependencies<Item>, 'client' | 'levels'>,
    tiers: Tiers<Item>,
  ) {
    this.#client = client
    this.#keyOf = levels[0].keyOf
    this.#tiers = tiers
  }

  /** Returns the location of an item; `null` or `undefined` if no group holds it. */
  async locate(id: KeyPart, call: CallOptions): Promise<Maybe<ItemRef>> {
    const location = this.recent(id)
    if (location) return { id, ...location, outage: call.outage }
    const group = await this.#tiers.lowest.parents.get(id, call)
    return isAbsent(group) ? group : this.#itemRef(id, group, call)
  }

  /** Returns the locations of items in the order of `ids`, as `locate` does. */
  async locateMany(ids: readonly KeyPart[], call: CallOptions): Promise<Maybe<ItemRef>[]> {
    const { parents } = this.#tiers.lowest
    const unknown = ids.filter((id) => !this.recent(id))
    const groups = unknown.length === 0 ? [] : await parents.getMany(unknown, call)
    const groupOf = new Map(unknown.map((id, i) => [textOf(id), groups[i]]))
    return mapAtOnce(ids, this.#client.entries.atOnce, async (id) => {
      const location = this.recent(id)
      if (location) return { id, ...location, outage: call.outage }
      // A location may have been evicted in the meantime.
      const group = groupOf.has(textOf(id)) ? groupOf.get(textOf(id)) : await parents.get(id, call)
      return isAbsent(group) ? group : this.#itemRef(id, group, call)
    })
  }

  /** Returns the location that is remembered for an item. */
  recent(id: KeyPart): ItemLocation | undefined {
    return this.#locations.get(this.#keyOf(id))
  }

  /** Remembers the location of an item that was read, and returns the item. */
  remember({ id, group }: ItemRef, item: Maybe<Item>): Maybe<Item> {
    if (isAbsent(item)) return item
    const key = this.#keyOf(id)
    const groups = this.#tiers.all.map(({ level }) => level)
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

  /** Forgets the location of an item. */
  forget(id: KeyPart): void {
    this.#locations.delete(this.#keyOf(id))
  }

  async #itemRef(id: KeyPart, group: KeyPart, call: CallOptions): Promise<ItemRef> {
    return {
      id,
      group,
      names: this.#tiers.lowest.cache.versionNames(await this.#tiers.groupRef(0, group, call)),
      outage: call.outage,
    }
  }
}

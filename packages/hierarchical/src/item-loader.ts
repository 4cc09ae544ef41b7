import {
  channels,
  type CallOptions,
  type KeyPart,
  type LoadContext,
  type limitTo,
} from '@cache/core'
import { emit, type BulkContext } from '@cache/core/internal'
import { textOf } from './ids.js'
import type { ItemLocator, ItemRef } from './item-locator.js'
import { isAbsent, type Maybe } from './maybe.js'
import type { HierarchicalDependencies, Tiers } from './tiers.js'

interface Dependencies<Item extends NonNullable<unknown>> extends Pick<
  HierarchicalDependencies<Item>,
  'levels' | 'options'
> {
  readonly tiers: Tiers<Item>
  readonly locator: ItemLocator<Item>
  /** Limits how many calls of the source run at the same time. */
  readonly limitSource: ReturnType<typeof limitTo>
}

/** Loads items: it takes them out of the groups that hold them. */
export class ItemLoader<Item extends NonNullable<unknown>> {
  readonly #dependencies: Dependencies<Item>

  constructor(dependencies: Dependencies<Item>) {
    this.#dependencies = dependencies
  }

  async load(ref: ItemRef, context: LoadContext<Item>): Promise<Maybe<Item>> {
    const call = { signal: context.signal, outage: ref.outage }
    return this.#takeItem(await this.#readGroup(ref.group, [textOf(ref.id)], call), ref, context)
  }

  /** Loads items that one call reads. Reads each group once. */
  loadMany(
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
    const { limitSource } = this.#dependencies
    const reads = new Map(
      [...idsByGroup].map(([text, { group, ids }]) => [
        text,
        limitSource(() => this.#readGroup(group, ids, { signal, outage })),
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
    const { tiers } = this.#dependencies
    const { cache } = tiers.lowest
    const readingFreshness = cache.freshFor({ id: group, parent: undefined, outage: call.outage })
    const ref = await tiers.groupRef(0, group, call)
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
    const { limitSource, tiers } = this.#dependencies
    const { level, cache } = tiers.lowest
    const id = textOf(ref.id)
    let searched = textOf(ref.group)
    let group = await level.groupOf(ref.id)
    for (let attempt = 0; attempt < MAX_MOVES; attempt++) {
      if (isAbsent(group)) return group
      if (textOf(group) !== searched) {
        if (!ref.outage?.down) await this.#invalidateParent(ref.id)
        const item = (await this.#readGroup(group, [id], { signal, outage: ref.outage })).items.get(
          id,
        )
        if (item !== undefined) return item
      }
      searched = textOf(group)
      const item = (await limitSource(() => cache.loadFromSource(group!, signal))).get(id)
      if (item !== undefined) return item
      group = await level.groupOf(ref.id)
      if (!isAbsent(group) && textOf(group) === searched) return null
    }
    return null
  }

  async #invalidateParent(id: KeyPart): Promise<void> {
    const { levels, locator, tiers } = this.#dependencies
    locator.forget(id)
    await tiers.lowest.parents
      .invalidate(id)
      .catch((error: unknown) =>
        emit(channels.error, () => ({ operation: 'group', key: levels[0].keyOf(id), error })),
      )
  }
}

/** The result of reading items out of a group. */
interface GroupRead<Item> {
  readonly items: ReadonlyMap<string, Item>
  /** For how many ms the group is still fresh; `undefined` if it has just been loaded. */
  readonly freshFor: number | undefined
}

/** How many moves of an item one read follows. */
const MAX_MOVES = 3

import {
  beginMutations,
  channels,
  type KeyPart,
  type Mutation,
  type MutationOptions,
  type limitTo,
} from '@cache/core'
import { emit, mapAtOnce, mutation } from '@cache/core/internal'
import type { Versioned } from '@cache/versioning'
import { decodeId, textOf } from './ids.js'
import type { ItemLocator, ItemRef } from './item-locator.js'
import { isAbsent, type Maybe } from './maybe.js'
import type { HierarchicalDependencies, Tiers } from './tiers.js'

interface Dependencies<Item extends NonNullable<unknown>> extends Pick<
  HierarchicalDependencies<Item>,
  'client' | 'levels'
> {
  readonly tiers: Tiers<Item>
  readonly items: Versioned<Maybe<Item>, ItemRef>
  readonly locator: ItemLocator<Item>
  /** Limits how many calls of the source run at the same time. */
  readonly limitSource: ReturnType<typeof limitTo>
}

/**
 * Invalidates items and groups, at once or when a mutation ends. An invalidation goes down, so that
 * nothing is filled from an entry that is about to be dropped.
 */
export class Invalidation<Item extends NonNullable<unknown>> {
  readonly #dependencies: Dependencies<Item>

  constructor(dependencies: Dependencies<Item>) {
    this.#dependencies = dependencies
  }

  /** Makes items, their locations and the groups that hold or held them invalid. */
  async invalidateItems(ids: readonly KeyPart[]): Promise<void> {
    const { items, locator, tiers } = this.#dependencies
    await this.#dropContainingGroups(0, ids)
    await Promise.all([items.invalidate(entriesOf(ids)), tiers.lowest.parents.invalidate(ids)])
    for (const id of ids) locator.forget(id)
  }

  /** Makes groups, everything that they hold and the groups that hold or held them invalid. */
  async invalidateGroups(depth: number, ids: readonly KeyPart[]): Promise<void> {
    const { tiers } = this.#dependencies
    for (const id of ids) textOf(id)
    const above = tiers.all[depth + 1]
    if (above) {
      await this.#dropContainingGroups(depth + 1, ids)
      await above.parents.invalidate(ids)
    }
    await tiers.all[depth]!.cache.bump(ids)
  }

  /**
   * Begins a mutation of items. While it is open, these items, their locations and the groups that
   * hold them are not cached.
   */
  async beginMutation(
    ids: readonly KeyPart[],
    options: MutationOptions | undefined,
  ): Promise<Mutation> {
    const { items, limitSource, tiers } = this.#dependencies
    const { parents, level } = tiers.lowest
    const currentGroups = await Promise.all(ids.map((id) => limitSource(() => level.groupOf(id))))
    const groups = tiers.all.map(() => new Map<string, KeyPart>())
    await tiers.forEachAncestor(
      0,
      currentGroups.filter((group) => !isAbsent(group)),
      (tier, id) => groups[tier]!.set(textOf(id), id),
    )
    const open = await beginMutations(
      ...tiers.all.map(
        ({ cache }, tier) =>
          () =>
            cache.beginMutation([...groups[tier]!.values()], options),
      ),
      () => parents.beginMutation(ids, options),
      () => items.beginMutation(entriesOf(ids), options),
    )
    return mutation({
      commit: () => commitAfter(() => this.invalidateItems(ids), open),
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
    const open = await this.#dependencies.tiers.all[depth]!.cache.beginGroupMutation(ids, options)
    return mutation({
      commit: () => commitAfter(() => this.invalidateGroups(depth, ids), open),
      abort: () => open.abort(),
    })
  }

  /** Drops the groups that held or hold these ids, the highest level first. */
  async #dropContainingGroups(depth: number, ids: readonly KeyPart[]): Promise<void> {
    const { client, levels, limitSource, tiers } = this.#dependencies
    const { membership } = tiers
    const { level, parents } = tiers.all[depth]!
    const keys = ids.map((id) => levels[depth]!.keyOf(id))
    const currentParents = Promise.allSettled(ids.map((id) => limitSource(() => level.groupOf(id))))
    const changeStamp = await membership.beginChange()
    const recorded = await membership.recordChange(keys, changeStamp)
    const cached = await mapAtOnce(ids, client.entries.atOnce, (id) => parents.peek(id))
    const current = await currentParents

    const dropping = tiers.all.map(() => new Map<string, KeyPart>())
    const add = (tier: number, id: KeyPart): unknown => dropping[tier]?.set(textOf(id), id)
    for (const text of recorded) this.#decodeMembership(text, add)
    const containing = [
      ...cached,
      ...current.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined)),
    ].filter((group) => !isAbsent(group))
    await tiers.forEachAncestor(depth, containing, add)
    for (let tier = tiers.all.length - 1; tier >= depth; tier--)
      await tiers.all[tier]!.cache.drop([...dropping[tier]!.values()])
    await membership.remove(keys, changeStamp)
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
}

/** Returns what names the entries of items, whatever group holds them. */
function entriesOf(ids: readonly KeyPart[]): ItemRef[] {
  return ids.map((id) => ({ id, group: id, names: [] }))
}

/** Runs `drop` and commits the open mutations after it, even if `drop` rejects. */
async function commitAfter(drop: () => Promise<void>, open: Mutation): Promise<void> {
  const [dropped] = await Promise.allSettled([drop()])
  const [committed] = await Promise.allSettled([open.commit()])
  for (const outcome of [dropped, committed])
    if (outcome.status === 'rejected') throw outcome.reason
}

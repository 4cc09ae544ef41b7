import { InvalidOptionError, type CallOptions, type KeyPart } from '@cache/core'
import { checkClient, LoadPolicy, checkOptions, type OptionChecks } from '@cache/core/internal'
import { manyLevels, twoLevels, type AllLevels } from './levels.js'
import { commonOf, policyOptions } from './policy.js'
import { Tree } from './hierarchical-cache.js'
import type {
  Hierarchical,
  HierarchicalLevels,
  HierarchicalOptions,
  HierarchicalPolicy,
  ItemOf,
  Levels,
  LevelsOptions,
  MutationTime,
} from './types.js'

/**
 * Items, each cached by itself and within its group; or within groups of groups, with `levels`.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const products = createHierarchical({ client, ttl: '1h', item: { prefix: 'product', id: (p: Product) => p.id }, group: { prefix: 'category', id: (p) => p.categoryId }, groupOf: (id) => db.categoryOf(id), loadGroup: (id) => db.productsByCategory(id) })
 * await products.get(42); await products.getGroup(7); await products.invalidate(42)
 */
export function createHierarchical<
  Item extends NonNullable<unknown>,
  ItemId extends KeyPart,
  GroupId extends KeyPart,
>(options: HierarchicalOptions<Item, ItemId, GroupId>): Hierarchical<Item, ItemId, GroupId>
export function createHierarchical<const L extends Levels>(
  options: LevelsOptions<L>,
): HierarchicalLevels<L>
export function createHierarchical(
  options: HierarchicalOptions<any, any, any> | LevelsOptions<Levels>,
): Hierarchical<unknown, KeyPart, KeyPart> | HierarchicalLevels<Levels> {
  return typeof options === 'object' && options !== null && 'levels' in options
    ? withLevels(options)
    : withTwo(options)
}

function withTwo(options: HierarchicalOptions<any, any, any>): Hierarchical<any, KeyPart, KeyPart> {
  const check = checkOptions('createHierarchical', options, [
    ...policyOptions,
    'item',
    'group',
    'groupOf',
    'loadGroup',
  ])
  const tree = plant(check, options, twoLevels(check, checkClient(check).namespace, options))
  return {
    ...itemsOf(tree),
    getGroup: (id, call) => tree.getGroup(0, id, call),
    peekGroup: (id) => tree.peekGroup(0, id),
    invalidateGroup: (ids) => tree.invalidateGroup(0, each(ids)),
    beginGroupMutation: (ids, own) => tree.beginGroupMutation(0, each(ids), own),
  }
}

function withLevels(options: LevelsOptions<Levels>): HierarchicalLevels<Levels> {
  const check = checkOptions('createHierarchical', options, [...policyOptions, 'levels'])
  const levels = manyLevels<ItemOf<Levels>>(check, checkClient(check).namespace, options.levels)
  const tree = plant(check, options, levels)
  const depthOf = (prefix: string): number => {
    const depth = levels.findIndex((level) => level.prefix === prefix) - 1
    if (depth < 0)
      throw new InvalidOptionError(
        'level',
        `the prefix of a level of groups: ${levels
          .slice(1)
          .map((level) => JSON.stringify(level.prefix))
          .join(', ')}`,
        prefix,
      )
    return depth
  }
  return {
    ...itemsOf(tree),
    getGroup: async (level, id, call) => tree.getGroup(depthOf(level), id, call),
    peekGroup: async (level, id) => tree.peekGroup(depthOf(level), id),
    invalidateGroup: async (level, ids) => tree.invalidateGroup(depthOf(level), each(ids)),
    beginGroupMutation: async (level, ids, own) =>
      tree.beginGroupMutation(depthOf(level), each(ids), own),
  }
}

function plant<Item extends NonNullable<unknown>>(
  check: OptionChecks,
  options: HierarchicalPolicy<Item>,
  levels: AllLevels<Item>,
): Tree<Item> {
  const ttl = check.duration('ttl')
  const policy = new LoadPolicy<Item>(check, options)
  const maxGroupBytes = check.size('maxGroupBytes', '256kb')
  const heldFor =
    Math.ceil(ttl * (1 + (options.jitter ?? 0))) + policy.staleBelow + 2 * policy.leaseTtl
  return new Tree<Item>({
    client: checkClient(check),
    levels,
    policy,
    options: commonOf(options),
    maxGroupBytes,
    heldFor,
  })
}

function itemsOf<Item extends NonNullable<unknown>>(tree: Tree<Item>) {
  return {
    get: (id: KeyPart, call?: CallOptions) => tree.get(id, call),
    getMany: (ids: readonly KeyPart[], call?: CallOptions) => tree.getMany(ids, call),
    idle: () => tree.idle(),
    peek: (id: KeyPart) => tree.peek(id),
    beginMutation: (ids: KeyPart | readonly KeyPart[], own?: MutationTime) =>
      tree.beginMutation(each(ids), own),
    invalidate: (ids: KeyPart | readonly KeyPart[]) => tree.invalidate(each(ids)),
  }
}

function each(ids: KeyPart | readonly KeyPart[]): readonly KeyPart[] {
  return Array.isArray(ids) ? (ids as readonly KeyPart[]) : [ids as KeyPart]
}

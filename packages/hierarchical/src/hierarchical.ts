import {
  InvalidOptionError,
  type CallOptions,
  type KeyPart,
  type MutationOptions,
} from '@cache/core'
import {
  LoadPolicy,
  clientOfParts,
  functionOption,
  givenOption,
  readOptions,
  required,
  warnAboutSharedPrefix,
  withClientDefaults,
  type OptionTable,
} from '@cache/core/internal'
import { HierarchicalCache } from './hierarchical-cache.js'
import { resolveLevels, resolveTwoLevels, type ResolvedLevels } from './levels.js'
import { commonOptions, policyOptions, type CheckedPolicy } from './policy.js'
import type {
  Hierarchical,
  HierarchicalLevels,
  HierarchicalOptions,
  HierarchicalPolicy,
  ItemOf,
  Levels,
  LevelsOptions,
} from './types.js'

/**
 * Creates a cache of items that are cached by themselves and within their groups. With `levels`,
 * groups can be in groups.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const products = createHierarchical({
 *   client, ttl: '1h',
 *   item: { prefix: 'product', id: (product: Product) => product.id },
 *   group: { prefix: 'category', id: (product) => product.categoryId },
 *   groupOf: (id) => db.categoryOf(id),
 *   loadGroup: (id) => db.productsByCategory(id),
 * })
 * await products.get(42)
 * await products.getGroup(7)
 * await products.invalidate(42)
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
    ? createWithLevels(options)
    : createWithTwoLevels(options)
}

function createWithTwoLevels(
  givenOptions: HierarchicalOptions<any, any, any>,
): Hierarchical<any, KeyPart, KeyPart> {
  const options = withClientDefaults(twoLevelOptions, givenOptions)
  const checked = readOptions('createHierarchical', twoLevelOptions, options)
  const cache = createCache(checked, options, resolveTwoLevels(checked.client.namespace, checked))
  return {
    ...itemMethods(cache),
    getGroup: (id, call) => cache.getGroup(0, id, call),
    peekGroup: (id) => cache.peekGroup(0, id),
    invalidateGroup: (ids) => cache.invalidation.invalidateGroups(0, asArray(ids)),
    beginGroupMutation: (ids, mutationOptions) =>
      cache.invalidation.beginGroupMutation(0, asArray(ids), mutationOptions),
  }
}

function createWithLevels(givenOptions: LevelsOptions<Levels>): HierarchicalLevels<Levels> {
  const options = withClientDefaults(levelsOptions, givenOptions)
  const checked = readOptions('createHierarchical', levelsOptions, options)
  const levels = resolveLevels<ItemOf<Levels>>(checked.client.namespace, checked.levels)
  const cache = createCache(checked, options, levels)
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
    ...itemMethods(cache),
    getGroup: async (level, id, call) => cache.getGroup(depthOf(level), id, call),
    peekGroup: async (level, id) => cache.peekGroup(depthOf(level), id),
    invalidateGroup: async (level, ids) =>
      cache.invalidation.invalidateGroups(depthOf(level), asArray(ids)),
    beginGroupMutation: async (level, ids, mutationOptions) =>
      cache.invalidation.beginGroupMutation(depthOf(level), asArray(ids), mutationOptions),
  }
}

/** The rows of `HierarchicalOptions`. */
const twoLevelOptions = {
  ...policyOptions,
  item: givenOption(),
  group: givenOption(),
  groupOf: functionOption(required),
  loadGroup: functionOption(required),
} satisfies OptionTable<HierarchicalOptions<any, any, any>>

/** The rows of `LevelsOptions`. */
const levelsOptions = {
  ...policyOptions,
  levels: givenOption(),
} satisfies OptionTable<LevelsOptions<any>>

function createCache<Item extends NonNullable<unknown>>(
  checked: CheckedPolicy<Item>,
  options: HierarchicalPolicy<Item>,
  levels: ResolvedLevels<Item>,
): HierarchicalCache<Item> {
  const { client, ttl, jitter, maxGroupBytes } = checked
  const policy = new LoadPolicy<Item>(
    { ...checked, version: undefined, earlyRefresh: undefined },
    {
      mustExpire: 'entries of an invalidated group that nobody reads again must end by themselves',
    },
  )
  for (const [depth, { prefix }] of levels.entries())
    warnAboutSharedPrefix(client, prefix, {
      kind: depth === 0 ? 'items with groups' : 'groups of items',
      codec: options.codec,
      schema: options.schema,
    })
  const maxGroupTtl = Math.ceil(ttl * (1 + jitter)) + policy.staleBelow + 2 * policy.leaseTtl
  return new HierarchicalCache<Item>({
    client: clientOfParts(client),
    levels,
    policy,
    options: commonOptions(options),
    maxGroupBytes,
    maxGroupTtl,
  })
}

/** Returns the methods that both forms have in common. */
function itemMethods<Item extends NonNullable<unknown>>(cache: HierarchicalCache<Item>) {
  return {
    get: (id: KeyPart, call?: CallOptions) => cache.get(id, call),
    getMany: (ids: readonly KeyPart[], call?: CallOptions) => cache.getMany(ids, call),
    stats: () => cache.stats(),
    idle: () => cache.idle(),
    peek: (id: KeyPart) => cache.peek(id),
    has: (id: KeyPart) => cache.has(id),
    refresh: (id: KeyPart, call?: Pick<CallOptions, 'signal'>) => cache.refresh(id, call),
    beginMutation: (ids: KeyPart | readonly KeyPart[], mutationOptions?: MutationOptions) =>
      cache.invalidation.beginMutation(asArray(ids), mutationOptions),
    invalidate: (ids: KeyPart | readonly KeyPart[]) =>
      cache.invalidation.invalidateItems(asArray(ids)),
  }
}

function asArray(ids: KeyPart | readonly KeyPart[]): readonly KeyPart[] {
  return Array.isArray(ids) ? (ids as readonly KeyPart[]) : [ids as KeyPart]
}

import { InvalidOptionError, type KeyPart } from '@cache/core'
import {
  checkPrefix,
  createKeys,
  customOption,
  functionOption,
  readGroup,
  required,
} from '@cache/core/internal'
import { VERSION_PREFIX } from '@cache/versioning'
import type { GroupContext } from './types.js'

/** A level, with its options checked: the items, or the groups of one kind. */
export interface ResolvedLevel<Item> {
  readonly prefix: string
  readonly idOf: (item: Item) => KeyPart
  readonly keyOf: (id: KeyPart) => string
  /** Returns the key without the client's namespace, which is the name of a group's version. */
  readonly nameOf: (id: KeyPart) => string
}

/** A level of groups, with its options checked. */
export interface ResolvedGroupLevel<Item> extends ResolvedLevel<Item> {
  /** Returns the group that holds an id of the level below. */
  readonly groupOf: (
    below: KeyPart,
  ) => KeyPart | null | undefined | Promise<KeyPart | null | undefined>
  readonly load: (id: KeyPart, context: GroupContext) => readonly Item[] | Promise<readonly Item[]>
}

/** All levels, the items first. */
export type ResolvedLevels<Item> = readonly [
  items: ResolvedLevel<Item>,
  ...groups: ResolvedGroupLevel<Item>[],
]

/** The options of a level of items, and of the groups of two levels. */
function itemOptions(namespace: string) {
  return {
    prefix: customOption((value, path) => checkLevelPrefix(value, path, namespace)),
    id: functionOption(required),
  }
}

/** The options of a level of groups. */
function groupOptions(namespace: string) {
  return {
    ...itemOptions(namespace),
    of: functionOption(required),
    load: functionOption(required),
  }
}

function checkLevelPrefix(value: unknown, path: string, namespace: string): string {
  const prefix = checkPrefix(path, value, namespace)
  if (prefix === VERSION_PREFIX)
    throw new InvalidOptionError(
      path,
      `another than "${VERSION_PREFIX}", where the versions of groups are`,
      prefix,
    )
  return prefix
}

/**
 * Checks the options `item` and `group`, and returns the levels.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export function resolveTwoLevels<Item>(
  namespace: string,
  {
    item,
    group,
    groupOf,
    loadGroup,
  }: {
    readonly item: unknown
    readonly group: unknown
    readonly groupOf: ResolvedGroupLevel<Item>['groupOf']
    readonly loadGroup: ResolvedGroupLevel<Item>['load']
  },
): ResolvedLevels<Item> {
  const items = resolveLevel<Item>(itemOptions(namespace), namespace, 'item', item)
  const groups = resolveLevel<Item>(itemOptions(namespace), namespace, 'group', group)
  return requireDistinctPrefixes('group.prefix', [items, { ...groups, groupOf, load: loadGroup }])
}

/**
 * Checks the option `levels`.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export function resolveLevels<Item>(namespace: string, levels: unknown): ResolvedLevels<Item> {
  if (!Array.isArray(levels) || levels.length < 2)
    throw new InvalidOptionError(
      'levels',
      'the items and their groups: [{ prefix, id }, { prefix, id, of, load }, …]',
      levels,
    )
  const [itemLevel, ...groupLevels] = levels as unknown[]
  const items = resolveLevel<Item>(itemOptions(namespace), namespace, 'levels.0', itemLevel)
  const groups = groupLevels.map((level, i): ResolvedGroupLevel<Item> => {
    const { of, load, ...resolved } = resolveLevel<Item, GroupLevelFunctions<Item>>(
      groupOptions(namespace),
      namespace,
      `levels.${i + 1}`,
      level,
    )
    return { ...resolved, groupOf: of, load }
  })
  return requireDistinctPrefixes('levels', [items, ...groups])
}

interface GroupLevelFunctions<Item> {
  readonly of: ResolvedGroupLevel<Item>['groupOf']
  readonly load: ResolvedGroupLevel<Item>['load']
}

function resolveLevel<Item, More = unknown>(
  table: ReturnType<typeof itemOptions>,
  namespace: string,
  path: string,
  options: unknown,
): ResolvedLevel<Item> & More {
  const checked = readGroup(table, options === undefined ? {} : options, path)
  const { prefix, id, ...more } = checked as { prefix: string; id: (item: Item) => KeyPart }
  return {
    ...(more as More),
    prefix,
    idOf: id,
    keyOf: createKeys(namespace, prefix),
    nameOf: createKeys(undefined, prefix),
  }
}

function requireDistinctPrefixes<Item>(
  option: string,
  levels: ResolvedLevels<Item>,
): ResolvedLevels<Item> {
  const prefixes = levels.map(({ prefix }) => prefix)
  const duplicate = prefixes.find((prefix, i) => prefixes.indexOf(prefix) < i)
  if (duplicate !== undefined)
    throw new InvalidOptionError(option, 'a prefix of its own for each level', duplicate)
  return levels
}

import { InvalidOptionError, type KeyPart } from '@cache/core'
import { OptionChecks, checkPrefix, createKeys } from '@cache/core/internal'
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

/**
 * Checks the options `item`, `group`, `groupOf` and `loadGroup`.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export function resolveTwoLevels<Item>(
  check: OptionChecks,
  namespace: string,
  options: { readonly item: unknown; readonly group: unknown },
): ResolvedLevels<Item> {
  const items = resolveLevel<Item>(
    check.nested('item', ITEM_OPTIONS),
    namespace,
    'item',
    options.item,
  )
  const groups = resolveLevel<Item>(
    check.nested('group', ITEM_OPTIONS),
    namespace,
    'group',
    options.group,
  )
  return requireDistinctPrefixes('group.prefix', [
    items,
    {
      ...groups,
      groupOf: check.function('groupOf', 'required'),
      load: check.function('loadGroup', 'required'),
    },
  ])
}

/**
 * Checks the option `levels`.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export function resolveLevels<Item>(
  check: OptionChecks,
  namespace: string,
  levels: unknown,
): ResolvedLevels<Item> {
  if (!Array.isArray(levels) || levels.length < 2)
    check.fail(
      'levels',
      'the items and their groups: [{ prefix, id }, { prefix, id, of, load }, …]',
    )
  const levelOptions = levels as unknown[]
  const checks = new OptionChecks('levels', Object.fromEntries(levelOptions.entries()))
  const items = resolveLevel<Item>(
    checks.nested('0', ITEM_OPTIONS),
    namespace,
    'levels.0',
    levelOptions[0],
  )
  const groups = levelOptions.slice(1).map((level, i): ResolvedGroupLevel<Item> => {
    const levelCheck = checks.nested(String(i + 1), GROUP_OPTIONS)
    return {
      ...resolveLevel<Item>(levelCheck, namespace, `levels.${i + 1}`, level),
      groupOf: levelCheck.function('of', 'required'),
      load: levelCheck.function('load', 'required'),
    }
  })
  return requireDistinctPrefixes('levels', [items, ...groups])
}

const ITEM_OPTIONS = ['prefix', 'id']
const GROUP_OPTIONS = [...ITEM_OPTIONS, 'of', 'load']

function resolveLevel<Item>(
  check: OptionChecks,
  namespace: string,
  path: string,
  options: unknown,
): ResolvedLevel<Item> {
  const prefix = checkPrefix(
    `${path}.prefix`,
    (options as Partial<ResolvedLevel<Item>> | undefined)?.prefix,
    namespace,
  )
  if (prefix === VERSION_PREFIX)
    check.fail('prefix', `another than "${VERSION_PREFIX}", where the versions of groups are`)
  return {
    prefix,
    idOf: check.function('id', 'required'),
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

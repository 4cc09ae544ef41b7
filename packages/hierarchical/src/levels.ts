import { InvalidOptionError, type KeyPart } from '@cache/core'
import { OptionChecks, checkPrefix, createKeys } from '@cache/core/internal'
import { VERSION_PREFIX } from '@cache/versioning'
import type { GroupContext } from './types.js'

/** The items, or the groups of one size. */
export interface Level<Item> {
  readonly prefix: string
  readonly idOf: (item: Item) => KeyPart
  readonly keyOf: (id: KeyPart) => string
  /** The key without the client's namespace: what the version of a group is named. */
  readonly nameOf: (id: KeyPart) => string
}

/** Groups. */
export interface Groups<Item> extends Level<Item> {
  /** Which of them an id of the level below is in. */
  readonly of: (below: KeyPart) => KeyPart | null | undefined | Promise<KeyPart | null | undefined>
  readonly load: (id: KeyPart, context: GroupContext) => readonly Item[] | Promise<readonly Item[]>
}

export type AllLevels<Item> = readonly [items: Level<Item>, ...groups: Groups<Item>[]]

/** Of the two-level form. @throws {InvalidOptionError} naming the option. */
export function twoLevels<Item>(
  check: OptionChecks,
  namespace: string,
  options: { readonly item: unknown; readonly group: unknown },
): AllLevels<Item> {
  const items = levelOf<Item>(check.nested('item', ITEMS), namespace, 'item', options.item)
  const groups = levelOf<Item>(check.nested('group', ITEMS), namespace, 'group', options.group)
  return distinct('group.prefix', [
    items,
    {
      ...groups,
      of: check.function('groupOf', 'required'),
      load: check.function('loadGroup', 'required'),
    },
  ])
}

/** Of the form with `levels`. @throws {InvalidOptionError} naming the option. */
export function manyLevels<Item>(
  check: OptionChecks,
  namespace: string,
  levels: unknown,
): AllLevels<Item> {
  if (!Array.isArray(levels) || levels.length < 2)
    check.fail(
      'levels',
      'the items and their groups: [{ prefix, id }, { prefix, id, of, load }, …]',
    )
  const each = levels as unknown[]
  const checks = new OptionChecks('levels', Object.fromEntries(each.entries()))
  const items = levelOf<Item>(checks.nested('0', ITEMS), namespace, 'levels.0', each[0])
  const groups = each.slice(1).map((level, i): Groups<Item> => {
    const own = checks.nested(String(i + 1), GROUPS)
    return {
      ...levelOf<Item>(own, namespace, `levels.${i + 1}`, level),
      of: own.function('of', 'required'),
      load: own.function('load', 'required'),
    }
  })
  return distinct('levels', [items, ...groups])
}

const ITEMS = ['prefix', 'id']
const GROUPS = [...ITEMS, 'of', 'load']

function levelOf<Item>(
  check: OptionChecks,
  namespace: string,
  path: string,
  options: unknown,
): Level<Item> {
  const prefix = checkPrefix(
    `${path}.prefix`,
    (options as Partial<Level<Item>> | undefined)?.prefix,
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

function distinct<Item>(option: string, levels: AllLevels<Item>): AllLevels<Item> {
  const prefixes = levels.map(({ prefix }) => prefix)
  const twice = prefixes.find((prefix, i) => prefixes.indexOf(prefix) < i)
  if (twice !== undefined)
    throw new InvalidOptionError(option, 'a prefix of its own for each level', twice)
  return levels
}

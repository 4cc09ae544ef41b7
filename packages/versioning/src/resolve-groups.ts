import { InvalidOptionError } from '@cache/core'
import type { Groups } from './stamps.js'

/**
 * Maps each name of a group to the key of its version, without duplicates.
 *
 * @throws {InvalidOptionError} naming `option`, unless `names` is an array of non-empty strings.
 * @throws {InvalidKeyError} if a name can't be part of a key.
 */
export function resolveGroups(
  option: string,
  names: unknown,
  keyOf: (group: string) => string,
): Groups {
  const valid =
    Array.isArray(names) && names.every((name) => typeof name === 'string' && name !== '')
  if (!valid)
    throw new InvalidOptionError(
      option,
      'the names of groups, an array of non-empty strings',
      names,
    )
  return new Map((names as string[]).map((name) => [name, keyOf(name)]))
}

import { InvalidOptionError } from '@cache/core'
import type { Groups } from './stamps.js'

/**
 * Names of groups, each once, with the keys of their versions.
 *
 * @throws {InvalidOptionError} naming `option`, for anything but an array of non-empty strings.
 * @throws {InvalidKeyError} for a name that no key can be made of.
 */
export function namedGroups(
  option: string,
  names: unknown,
  keyOf: (group: string) => string,
): Groups {
  const fit = Array.isArray(names) && names.every((name) => typeof name === 'string' && name !== '')
  if (!fit)
    throw new InvalidOptionError(
      option,
      'the names of groups, an array of non-empty strings',
      names,
    )
  return new Map((names as string[]).map((name) => [name, keyOf(name)]))
}

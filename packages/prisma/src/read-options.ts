import { InvalidOptionError } from '@cache/core'
import {
  customOption,
  durationOption,
  flagOption,
  readOptions,
  type CheckedOptions,
  type OptionTable,
} from '@cache/core/internal'
import type { CacheChoice, ReadOptions } from './types.js'

const readOptionTable = {
  ttl: durationOption(undefined, { min: 1 }),
  tags: customOption((tags, path) => checkTags(tags, path)),
  autoInvalidate: flagOption(true),
} satisfies OptionTable<ReadOptions>

/** `ReadOptions` that are checked, with their defaults. */
export type CheckedReadOptions = CheckedOptions<typeof readOptionTable, ReadOptions>

/**
 * Returns what was passed to `$withCache`, checked. `false`: do not cache.
 *
 * @throws {InvalidOptionError} if it is wrong.
 */
export function checkChoice(choice: CacheChoice | undefined): CheckedReadOptions | false {
  if (choice === false) return false
  return readOptions(
    '$withCache',
    readOptionTable,
    typeof choice === 'string' || typeof choice === 'number' ? { ttl: choice } : (choice ?? {}),
  )
}

/** Returns tags as an array. */
export function checkTags(given: unknown, path: string): readonly string[] {
  if (given === undefined) return []
  const tags: unknown[] = Array.isArray(given) ? given : [given]
  if (!tags.every((tag) => typeof tag === 'string' && tag !== ''))
    throw new InvalidOptionError(path, 'a non-empty string, or an array of them', given)
  return tags as string[]
}

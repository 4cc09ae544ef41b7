import { InvalidOptionError } from '@cache/core'
import type { EntryAccess, StoreOptions } from '@cache/core/internal'
import type { GroupVersions, Groups } from './stamps.js'

/**
 * Reads and stores the entry of one id within one call. Each value of the option `strategy` has an
 * implementation: `StampStrategy` and `KeyStrategy`.
 */
export interface EntryStrategy<T> extends EntryAccess<T> {
  /** Returns the key at which the value is stored now. */
  currentKey(): Promise<string>
  /**
   * Stores a value that was current when its groups had these versions. `undefined` stands for
   * their current versions.
   */
  put(value: T, storing: StoreOptions, versions: GroupVersions | undefined): Promise<boolean>
}

/**
 * Returns `versions`, if it has the version of each group.
 *
 * @throws {InvalidOptionError} if it does not.
 */
export function checkVersions(groups: Groups, versions: unknown): GroupVersions {
  const valid =
    versions instanceof Map &&
    [...groups.keys()].every((group) => typeof versions.get(group) === 'number')
  if (!valid) {
    const names = [...groups.keys()]
      .filter((group) => group !== '')
      .map((group) => JSON.stringify(group))
      .join(', ')
    throw new InvalidOptionError('versions', `what versions([${names}]) resolved to`, versions)
  }
  return versions as GroupVersions
}

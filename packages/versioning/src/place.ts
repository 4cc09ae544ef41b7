import { InvalidOptionError } from '@cache/core'
import type { EntryAccess, StoreOptions } from '@cache/core/internal'
import type { GroupVersions, Groups } from './stamps.js'

/** Where one call finds its value, and puts it. */
export interface Place<T> extends EntryAccess<T> {
  /** The key that the value is at now. */
  current(): Promise<string>
  /** Stores a value that was current when its groups had these versions; by default, as of now. */
  put(value: T, storing: StoreOptions, versions: GroupVersions | undefined): Promise<boolean>
}

/** @throws {InvalidOptionError} if they do not say the version of each group. */
export function checkVersions(groups: Groups, versions: unknown): GroupVersions {
  const fit =
    versions instanceof Map &&
    [...groups.keys()].every((group) => typeof versions.get(group) === 'number')
  if (!fit)
    throw new InvalidOptionError(
      'versions',
      `what versions([${[...groups.keys()].map((group) => JSON.stringify(group)).join(', ')}]) resolved to`,
      versions,
    )
  return versions as GroupVersions
}

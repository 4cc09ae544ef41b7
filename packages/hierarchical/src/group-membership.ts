import type { CacheClient } from '@cache/core'
import { companion, mapAtOnce } from '@cache/core/internal'
import { recordChangeScript, recordMembershipScript, removeMembershipsScript } from './scripts.js'

/**
 * Records in Redis, for each item, the groups that were loaded with it in any process. When an item
 * moves, an invalidation finds the group that it was in.
 *
 * A membership is recorded before the group is cached, and it is refused if the item has changed
 * since the load began. Whichever comes first, the change finds the group, or the group finds the
 * change.
 */
export class GroupMembership {
  readonly #dependencies: Dependencies

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
  }

  /** Returns the stamp of a load that begins now. */
  async beginLoad(): Promise<number> {
    const { versions, versionName } = this.#dependencies
    return (await versions.versions([versionName])).get(versionName)!
  }

  /**
   * Records that a group has these members. `loadStamp` is the stamp of the group's load. Resolves
   * to `false` if one of the members has changed since then.
   */
  async record(members: readonly string[], group: string, loadStamp: number): Promise<boolean> {
    const { client, maxGroupTtl } = this.#dependencies
    const args = [group, String(loadStamp), String(maxGroupTtl)]
    const recorded = await mapAtOnce(members, client.entries.atOnce, (key) =>
      client.entries.run(recordMembershipScript, [companion(key, 'holders')], args),
    )
    return !recorded.includes(false)
  }

  /** Returns the stamp of a change that has been made. */
  async beginChange(): Promise<number> {
    const { versions, versionName } = this.#dependencies
    return (await versions.bump(versionName)).get(versionName)!
  }

  /** Records a change of members, and returns the groups that may hold them as they were before. */
  async recordChange(keys: readonly string[], changeStamp: number): Promise<readonly string[]> {
    const { client, maxLoadTime } = this.#dependencies
    const args = [String(changeStamp), String(maxLoadTime)]
    const groups = await mapAtOnce(keys, client.entries.atOnce, (key) =>
      client.run(recordChangeScript, [companion(key, 'holders')], args),
    )
    return groups.flat()
  }

  /** Removes the memberships from before a change, after their groups have been dropped. */
  async remove(keys: readonly string[], changeStamp: number): Promise<void> {
    const { client } = this.#dependencies
    await mapAtOnce(keys, client.entries.atOnce, (key) =>
      client.run(removeMembershipsScript, [companion(key, 'holders')], [String(changeStamp)]),
    )
  }
}

interface Dependencies {
  readonly client: CacheClient
  /** Makes stamps that are unique and only grow. */
  readonly versions: VersionSource
  /** The name of the version that every change of an item bumps. */
  readonly versionName: string
  /** The longest time for which a group may be cached after a load, in ms. */
  readonly maxGroupTtl: number
  /** The longest time in ms that a load may take and still be cached. */
  readonly maxLoadTime: number
}

interface VersionSource {
  bump(group: string): Promise<ReadonlyMap<string, number>>
  versions(groups: readonly string[]): Promise<ReadonlyMap<string, number>>
}

import type { CacheClient } from '@cache/core'
import { companion, mapAtOnce } from '@cache/core/internal'
import { changeScript, forgetScript, holdScript } from './scripts.js'

interface Clock {
  bump(group: string): Promise<ReadonlyMap<string, number>>
  versions(groups: readonly string[]): Promise<ReadonlyMap<string, number>>
}

interface Wiring {
  readonly client: CacheClient
  /** Versions: unique stamps that only grow. */
  readonly clock: Clock
  /** The version that every change of an item makes anew. */
  readonly name: string
  /** Ms for which a group may be cached that was loaded with an item. */
  readonly heldFor: number
  /** Ms from a load's begin after which what it loads is not kept any more. */
  readonly loadFor: number
}

/**
 * Which groups were loaded with an item, in every process: so that an item which moves can be taken
 * out of the group it was in, too. A group is noted before it is kept, and refused where the item
 * has changed since its load began: whichever comes first, the change finds the group, or the group
 * the change.
 */
export class Holders {
  readonly #wiring: Wiring

  constructor(wiring: Wiring) {
    this.#wiring = wiring
  }

  /** The stamp of a load that begins now. */
  async begin(): Promise<number> {
    const { clock, name } = this.#wiring
    return (await clock.versions([name])).get(name)!
  }

  /**
   * Notes that a group, loaded since `since`, has these members. `false`: one of them has changed
   * meanwhile.
   */
  async hold(members: readonly string[], group: string, since: number): Promise<boolean> {
    const { client, heldFor } = this.#wiring
    const args = [group, String(since), String(heldFor)]
    const held = await mapAtOnce(members, client.entries.atOnce, (key) =>
      client.entries.run(holdScript, [companion(key, 'holders')], args),
    )
    return !held.includes(false)
  }

  /** The stamp of a change that has been made. */
  async change(): Promise<number> {
    const { clock, name } = this.#wiring
    return (await clock.bump(name)).get(name)!
  }

  /** The groups that may hold members as they were before the change. */
  async of(keys: readonly string[], change: number): Promise<readonly string[]> {
    const { client, loadFor } = this.#wiring
    const args = [String(change), String(loadFor)]
    return (
      await mapAtOnce(keys, client.entries.atOnce, (key) =>
        client.run(changeScript, [companion(key, 'holders')], args),
      )
    ).flat()
  }

  /** They have been dropped. */
  async forget(keys: readonly string[], change: number): Promise<void> {
    const { client } = this.#wiring
    await mapAtOnce(keys, client.entries.atOnce, (key) =>
      client.run(forgetScript, [companion(key, 'holders')], [String(change)]),
    )
  }
}

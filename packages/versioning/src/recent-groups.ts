import { RecentMap } from '@cache/core/internal'
import { EMPTY, type Groups } from './stamps.js'

/**
 * The groups of recently loaded values, by entry key. It is bounded by number and bytes, and evicts
 * the oldest key first.
 */
export class RecentGroups {
  readonly #groups = new RecentMap<Groups>({ max: 1_000, maxBytes: 4 * 1024 ** 2 })

  set(key: string, groups: Groups): void {
    let bytes = 0
    for (const [group, groupKey] of groups) bytes += group.length + groupKey.length
    this.#groups.set(key, groups, bytes)
  }

  get(key: string): Groups {
    return this.#groups.get(key) ?? EMPTY
  }
}

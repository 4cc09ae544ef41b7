import { RecentMap } from '@cache/core/internal'
import { NONE, type Groups } from './stamps.js'

/** The groups of values that were loaded lately, by key; the oldest is forgotten first. */
export class Hints {
  readonly #groups = new RecentMap<Groups>({ max: 1_000, maxBytes: 4 * 1024 ** 2 })

  add(key: string, groups: Groups): void {
    let bytes = 0
    for (const [group, groupKey] of groups) bytes += group.length + groupKey.length
    this.#groups.set(key, groups, bytes)
  }

  of(key: string): Groups {
    return this.#groups.get(key) ?? NONE
  }
}

import type { KeyPart } from '@cache/core'
import { RecentMap } from '@cache/core/internal'

/** The group of an item, and the versions that its entry depends on. */
export interface ItemLocation {
  readonly group: KeyPart
  /** The names of these versions. */
  readonly names: readonly string[]
}

/**
 * The last known locations of items, by item key. It is bounded by number and bytes, and evicts the
 * oldest key first. A location only decides which keys are read together; the read decides whether
 * it is right.
 */
export class RecentLocations {
  readonly #locations = new RecentMap<ItemLocation>({ max: 10_000, maxBytes: 4 * 1024 ** 2 })

  set(key: string, location: ItemLocation): void {
    const { group, names } = location
    const bytes = String(group).length + names.reduce((sum, name) => sum + name.length, 0)
    this.#locations.set(key, location, bytes)
  }

  get(key: string): ItemLocation | undefined {
    return this.#locations.get(key)
  }

  delete(key: string): void {
    this.#locations.delete(key)
  }
}

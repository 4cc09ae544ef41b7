import type { KeyPart } from '@cache/core'
import { RecentMap } from '@cache/core/internal'

/** Where an item was found. */
export interface Hint {
  readonly group: KeyPart
  /** The names of the versions that it depends on. */
  readonly names: readonly string[]
}

/**
 * Where items were found lately, by their keys; the oldest is forgotten first. It says what to ask
 * together, not what is right.
 */
export class Hints {
  readonly #hints = new RecentMap<Hint>({ max: 10_000, maxBytes: 4 * 1024 ** 2 })

  set(key: string, hint: Hint): void {
    const bytes = String(hint.group).length + hint.names.reduce((sum, name) => sum + name.length, 0)
    this.#hints.set(key, hint, bytes)
  }

  get(key: string): Hint | undefined {
    return this.#hints.get(key)
  }

  delete(key: string): void {
    this.#hints.delete(key)
  }
}

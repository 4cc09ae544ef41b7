import type { KeyPart } from '@cache/core'

/** Where an item was found. */
export interface Hint {
  readonly group: KeyPart
  /** The names of the versions that it depends on. */
  readonly names: readonly string[]
}

/** Where items were found lately, by their keys; the oldest is forgotten first. It says what to ask together, not what is right. */
export class Hints {
  readonly #hints = new Map<string, Hint>()

  set(key: string, hint: Hint): void {
    this.#hints.delete(key)
    this.#hints.set(key, hint)
    if (this.#hints.size > MOST) this.#hints.delete(this.#hints.keys().next().value!)
  }

  get(key: string): Hint | undefined {
    return this.#hints.get(key)
  }

  delete(key: string): void {
    this.#hints.delete(key)
  }
}

const MOST = 10_000

import { NONE, type Groups } from './stamps.js'

/** The groups of values that were loaded lately, by key; the oldest is forgotten first. */
export class Hints {
  readonly #groups = new Map<string, Groups>()

  add(key: string, groups: Groups): void {
    this.#groups.delete(key)
    this.#groups.set(key, groups)
    if (this.#groups.size > MOST) this.#groups.delete(this.#groups.keys().next().value!)
  }

  of(key: string): Groups {
    return this.#groups.get(key) ?? NONE
  }
}

const MOST = 1_000

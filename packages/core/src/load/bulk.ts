import { setImmediate } from 'node:timers/promises'
import { onAbort } from '../on-abort.js'
import type { LoadContext, Loader } from './loader.js'

/** Loads many: answers in the order of `keys`, `undefined` or `null` for what there is none of; each may be a promise of its own. */
export type LoadKeys<T> = (keys: readonly string[], context: BulkContext<T>) => Promise<readonly Answer<T>[]>

type Answer<T> = T | null | undefined | Promise<T | null | undefined>

export interface BulkContext<T> {
  /** Aborts when nobody waits for any of the keys any more. */
  readonly signal: AbortSignal
  /** What a loader of one key would be told, in the order of the keys. */
  readonly contexts: readonly LoadContext<T>[]
}

/**
 * Makes one load of the many that are missing: each key gets a loader of its own, and these wait for each other until of every
 * key it is known whether it is to be loaded here. Keys that turn up later (another process loaded them, and died) go together too.
 */
export class BulkLoad<T> {
  readonly #loadMany: LoadKeys<T>
  readonly #keys: readonly string[]
  readonly #undecided: Set<string>
  #round: Round<T> | undefined

  constructor(keys: readonly string[], loadMany: LoadKeys<T>) {
    this.#keys = keys
    this.#undecided = new Set(keys)
    this.#loadMany = loadMany
  }

  /** This key is not loaded here, or not yet: nobody waits for it. */
  pass(key: string): void {
    if (this.#undecided.delete(key) && this.#undecided.size === 0) this.#go()
  }

  loader(key: string): Loader<T> {
    return (context) => {
      const first = this.#undecided.has(key)
      const round = (this.#round ??= new Round<T>())
      const value = round.add(key, context)
      if (first) this.pass(key)
      else if (this.#undecided.size === 0) void setImmediate().then(() => this.#go())
      return value
    }
  }

  #go(): void {
    const round = this.#round
    this.#round = undefined
    round?.run(this.#keys, this.#loadMany)
  }
}

/** The keys that are loaded together. */
class Round<T> {
  readonly #contexts = new Map<string, LoadContext<T>>()
  readonly #places = new Map<string, number>()
  readonly #controller = new AbortController()
  readonly #answers: Promise<readonly Answer<T>[]>
  #left = 0
  #settle!: (answers: Promise<readonly Answer<T>[]>) => void

  constructor() {
    this.#answers = new Promise((resolve) => { this.#settle = resolve })
  }

  /** The value of one key, once the round has run. The round's signal aborts when every key's has. */
  async add(key: string, context: LoadContext<T>): Promise<T | null | undefined> {
    this.#contexts.set(key, context)
    const { signal } = context
    onAbort(signal, (reason) => {
      this.#left++
      if (this.#left === this.#contexts.size) this.#controller.abort(reason)
    })
    const answers = await this.#answers
    return answers[this.#places.get(key)!]
  }

  /** Loads its keys, in the order in which they were asked for. */
  run(asked: readonly string[], loadMany: LoadKeys<T>): void {
    const keys = asked.filter((key) => this.#contexts.has(key))
    for (const [place, key] of keys.entries()) this.#places.set(key, place)
    const contexts = keys.map((key) => this.#contexts.get(key)!)
    this.#settle((async () => loadMany(keys, { signal: this.#controller.signal, contexts }))())
  }
}

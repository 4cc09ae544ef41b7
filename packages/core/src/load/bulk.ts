import { setImmediate } from 'node:timers/promises'
import type { LoadContext, Loader } from './loader.js'

/** Loads many: answers in the order of `keys`, `undefined` or `null` for what there is none of; each may be a promise of its own. */
export type LoadMany<T> = (keys: readonly string[], context: BulkContext<T>) => Promise<readonly Answer<T>[]>

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
  readonly #loadMany: LoadMany<T>
  readonly #undecided: Set<string>
  #round: Round<T> | undefined

  constructor(keys: readonly string[], loadMany: LoadMany<T>) {
    this.#undecided = new Set(keys)
    this.#loadMany = loadMany
  }

  /** This key is not loaded here, or not yet: nobody waits for it. */
  pass(key: string): void {
    if (this.#undecided.delete(key) && this.#undecided.size === 0) this.#go()
  }

  loader(key: string): Loader<T> {
    return async (context) => {
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
    round?.run(this.#loadMany)
  }
}

class Round<T> {
  readonly #keys: string[] = []
  readonly #contexts: LoadContext<T>[] = []
  readonly #controller = new AbortController()
  readonly #answers: Promise<readonly Answer<T>[]>
  #left = 0
  #settle!: (answers: Promise<readonly Answer<T>[]>) => void

  constructor() {
    this.#answers = new Promise((resolve) => { this.#settle = resolve })
  }

  /** The value of one key, once the round has run. Its signal aborts when every key's has. */
  async add(key: string, context: LoadContext<T>): Promise<T | null | undefined> {
    const { signal } = context
    const index = this.#keys.push(key) - 1
    this.#contexts.push(context)
    signal.addEventListener('abort', () => {
      this.#left++
      if (this.#left === this.#keys.length) this.#controller.abort(signal.reason)
    }, { once: true })
    return (await this.#answers)[index]
  }

  run(loadMany: LoadMany<T>): void {
    this.#settle((async () => loadMany(this.#keys, { signal: this.#controller.signal, contexts: this.#contexts }))())
  }
}

import { setImmediate } from 'node:timers/promises'
import { onAbort } from '../util/on-abort.js'
import type { LoadContext, Loader } from './loader.js'

/**
 * Loads many: answers in the order of `keys`, `undefined` or `null` for what there is none of; each
 * may be a promise of its own.
 */
export type LoadKeys<T> = (
  keys: readonly string[],
  context: BulkContext<T>,
) => Promise<readonly Answer<T>[]>

type Answer<T> = T | null | undefined | Promise<T | null | undefined>

export interface BulkContext<T> {
  /** Aborts when nobody waits for any of the keys any more. */
  readonly signal: AbortSignal
  /** What a loader of one key would be told, in the order of the keys. */
  readonly contexts: readonly LoadContext<T>[]
}

/**
 * Makes one load of the many that are missing: each key gets a loader of its own, and these wait
 * for each other until of every key it is known whether it is to be loaded here. Keys that turn up
 * later (another process loaded them, and died) go together too.
 */
export class BulkLoad<T> {
  readonly #loadMany: LoadKeys<T>
  readonly #keys: readonly string[]
  readonly #undecided: Set<string>
  #round: Round<T> | undefined
  #last: Round<T> | undefined

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

  /**
   * Once all have been told what the last load came to, if it has ended: nobody joins it any more.
   */
  async told(): Promise<void> {
    await this.#last?.settling
  }

  #go(): void {
    const round = this.#round
    this.#round = undefined
    if (round === undefined) return
    this.#last = round
    void round.run(this.#keys, this.#loadMany)
  }
}

/** The keys that are loaded together. */
class Round<T> {
  readonly #contexts = new Map<string, LoadContext<T>>()
  readonly #waiting = new Map<string, Waiting<T>>()
  readonly #controller = new AbortController()
  #left = 0
  /** What it came to is being told; `undefined` before. */
  settling: Promise<void> | undefined

  /**
   * The value of one key, once the round has run. The round's signal aborts when every key's has.
   */
  add(key: string, context: LoadContext<T>): Promise<T | null | undefined> {
    this.#contexts.set(key, context)
    const { signal } = context
    onAbort(signal, (reason) => {
      this.#left++
      if (this.#left === this.#contexts.size) this.#controller.abort(reason)
    })
    const known = this.#waiting.get(key)
    if (known) return known.promise
    const waiting = newWaiting<T>()
    this.#waiting.set(key, waiting)
    return waiting.promise
  }

  /** Loads its keys, in the order in which they were asked for. Never rejects. */
  async run(asked: readonly string[], loadMany: LoadKeys<T>): Promise<void> {
    const keys = asked.filter((key) => this.#contexts.has(key))
    const contexts = keys.map((key) => this.#contexts.get(key)!)
    let answers: readonly Answer<T>[]
    try {
      answers = await loadMany(keys, { signal: this.#controller.signal, contexts })
    } catch (error) {
      return (this.settling = this.#settle(keys, ({ reject }) => reject(error as Error)))
    }
    // whose turn comes later
    for (const answer of answers) if (answer instanceof Promise) answer.catch(() => undefined)
    return (this.settling = this.#settle(keys, ({ resolve }, i) => resolve(answers[i])))
  }

  /** What each key's caller does with its answer is work: a part of them at a time, then others. */
  async #settle(
    keys: readonly string[],
    settle: (waiting: Waiting<T>, i: number) => void,
  ): Promise<void> {
    for (const [i, key] of keys.entries()) {
      if (i > 0 && i % AT_ONCE === 0) await setImmediate()
      settle(this.#waiting.get(key)!, i)
    }
  }
}

interface Waiting<T> {
  readonly promise: Promise<T | null | undefined>
  readonly resolve: (answer: Answer<T>) => void
  readonly reject: (error: Error) => void
}

function newWaiting<T>(): Waiting<T> {
  let resolve!: Waiting<T>['resolve']
  let reject!: Waiting<T>['reject']
  const promise = new Promise<T | null | undefined>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Callers that are answered in one turn of the event loop. */
const AT_ONCE = 100

import { setImmediate } from 'node:timers/promises'
import { onAbort } from '../util/on-abort.js'
import type { LoadContext, Loader, LoaderResult } from './loader.js'

/**
 * Loads many keys at once. Resolves to their values in the order of `keys`; `undefined` or `null`
 * if the source has none. Each value may be a promise of its own.
 */
export type LoadKeys<T> = (
  keys: readonly string[],
  context: BulkContext<T>,
) => Promise<readonly LoaderResult<T>[]>

/** The context that a loader of many keys is called with. */
export interface BulkContext<T> {
  /** Aborts when no caller waits for any of the keys any more. */
  readonly signal: AbortSignal
  /** The contexts that loaders of single keys would get, in the order of the keys. */
  readonly contexts: readonly LoadContext<T>[]
}

/**
 * Combines the loads of many missing keys into one call of `loadMany`.
 *
 * Each key gets a loader of its own. These loaders wait for each other until it is known of every
 * key whether it is loaded here. Keys that have to be loaded later (another process was loading
 * them, and died) are combined into further calls.
 */
export class BulkLoad<T> {
  readonly #loadMany: LoadKeys<T>
  readonly #keys: string[]
  readonly #undecided: Set<string>
  #nextCall: BulkCall<T> | undefined
  #lastCall: BulkCall<T> | undefined

  constructor(keys: readonly string[], loadMany: LoadKeys<T>) {
    this.#keys = [...keys]
    this.#undecided = new Set(keys)
    this.#loadMany = loadMany
  }

  /** Adds a key that the others wait for. */
  add(key: string): void {
    this.#keys.push(key)
    this.#undecided.add(key)
  }

  /** The other keys no longer wait for this one: it is not loaded here, or only later. */
  doNotWaitFor(key: string): void {
    if (this.#undecided.delete(key) && this.#undecided.size === 0) this.#startCall()
  }

  /** Returns the loader of one key. */
  loader(key: string): Loader<T> {
    return (context) => {
      const isFirstLoad = this.#undecided.has(key)
      const call = (this.#nextCall ??= new BulkCall<T>())
      const value = call.add(key, context)
      if (isFirstLoad) this.doNotWaitFor(key)
      else if (this.#undecided.size === 0) void setImmediate().then(() => this.#startCall())
      return value
    }
  }

  /**
   * Resolves once every key of the last call has its value or error. No caller joins these loads
   * from then on. Resolves at once if the call has not ended.
   */
  async delivered(): Promise<void> {
    await this.#lastCall?.delivery
  }

  #startCall(): void {
    const call = this.#nextCall
    this.#nextCall = undefined
    if (call === undefined) return
    this.#lastCall = call
    void call.run(this.#keys, this.#loadMany)
  }
}

/** One call of `loadMany`, with the keys that it loads. */
class BulkCall<T> {
  readonly #contexts = new Map<string, LoadContext<T>>()
  readonly #results = new Map<string, Deferred<T>>()
  readonly #controller = new AbortController()
  #abandoned = 0
  /** Resolves once every key has its value or error; `undefined` until the call ends. */
  delivery: Promise<void> | undefined

  /**
   * Adds a key. Resolves to its value once the call has run. The signal of the call aborts when the
   * signals of all keys have.
   */
  add(key: string, context: LoadContext<T>): Promise<T | null | undefined> {
    this.#contexts.set(key, context)
    onAbort(context.signal, (reason) => {
      this.#abandoned++
      if (this.#abandoned === this.#contexts.size) this.#controller.abort(reason)
    })
    const existing = this.#results.get(key)
    if (existing) return existing.promise
    const result = createDeferred<T>()
    this.#results.set(key, result)
    return result.promise
  }

  /** Loads the added keys in the order of `orderedKeys`. Never rejects. */
  async run(orderedKeys: readonly string[], loadMany: LoadKeys<T>): Promise<void> {
    const keys = orderedKeys.filter((key) => this.#contexts.has(key))
    const contexts = keys.map((key) => this.#contexts.get(key)!)
    let values: readonly LoaderResult<T>[]
    try {
      values = await loadMany(keys, { signal: this.#controller.signal, contexts })
    } catch (error) {
      return (this.delivery = this.#deliver(keys, ({ reject }) => reject(error as Error)))
    }
    // Values are delivered over several turns. One that rejects earlier must not be unhandled.
    for (const value of values) if (value instanceof Promise) value.catch(() => undefined)
    return (this.delivery = this.#deliver(keys, ({ resolve }, i) => resolve(values[i])))
  }

  /** Delivers over several turns of the event loop, because each caller does work in response. */
  async #deliver(
    keys: readonly string[],
    deliver: (result: Deferred<T>, i: number) => void,
  ): Promise<void> {
    for (const [i, key] of keys.entries()) {
      if (i > 0 && i % DELIVERED_PER_TURN === 0) await setImmediate()
      deliver(this.#results.get(key)!, i)
    }
  }
}

interface Deferred<T> {
  readonly promise: Promise<T | null | undefined>
  readonly resolve: (value: LoaderResult<T>) => void
  readonly reject: (error: Error) => void
}

function createDeferred<T>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve']
  let reject!: Deferred<T>['reject']
  const promise = new Promise<T | null | undefined>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise
    reject = rejectPromise
  })
  return { promise, resolve, reject }
}

/** Results that are delivered in one turn of the event loop. */
const DELIVERED_PER_TURN = 100

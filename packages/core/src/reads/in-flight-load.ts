import { CacheError } from '../errors.js'
import { LazySignal } from '../util/lazy-signal.js'
import { onAbort } from '../util/on-abort.js'

/**
 * What a flight lands with. `asOf` is the moment (a count, not a time) up to which arrivals may
 * take it: whoever asked later may know of an invalidation that the value does not.
 */
export interface Landing<T> {
  readonly value: T
  readonly asOf: number
  /** Redis did not answer on the way. */
  readonly down: boolean
}

/**
 * One load that many callers of this process wait for. Its signal aborts when the last of them has
 * left. Nobody but the one who began it waits longer than `joinFor` ms from its begin: a loader
 * that hangs keeps up its own caller, not those of all times.
 */
export class Flight<T> {
  readonly landing: Promise<Landing<T>>
  /** Aborts when nobody is aboard any more. */
  readonly left = new LazySignal()
  readonly #until: number
  #aboard = 0
  #overdue: Promise<undefined> | undefined

  constructor(joinFor: number, fly: (flight: Flight<T>) => Promise<Landing<T>>) {
    this.#until = performance.now() + joinFor
    this.landing = fly(this)
    this.landing.catch(() => undefined) // when everybody has left, nobody is there to hear of it
  }

  /** Whether others may still join. */
  get open(): boolean {
    return !this.left.aborted && performance.now() < this.#until
  }

  /** For the one who begins it: the landing, or the signal's reason as soon as it aborts. */
  board(signal: AbortSignal | undefined): Promise<Landing<T>> {
    this.#aboard++
    return signal ? this.#orAborted(this.landing, signal) : this.landing
  }

  /** For the others; `undefined`: it takes too long. */
  async join(signal: AbortSignal | undefined): Promise<Landing<T> | undefined> {
    this.#aboard++
    const landing = Promise.race([this.landing, (this.#overdue ??= this.#becomesOverdue())])
    const landed = await (signal ? this.#orAborted(landing, signal) : landing)
    if (landed === undefined)
      this.#leave(
        new CacheError('The load takes too long, and its last caller has gone on without it.', {
          code: 'LOAD_OVERDUE',
        }),
      )
    return landed
  }

  async #orAborted<R>(landing: Promise<R>, signal: AbortSignal): Promise<R> {
    const left = aborted(signal)
    try {
      return await Promise.race([landing, left.promise])
    } finally {
      left.forget()
      if (signal.aborted) this.#leave(signal.reason)
    }
  }

  #becomesOverdue(): Promise<undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => resolve(undefined),
        Math.min(Math.max(0, this.#until - performance.now()), LONGEST_TIMER),
      )
      const landed = (): void => clearTimeout(timer)
      this.landing.then(landed, landed)
    })
  }

  #leave(reason: unknown): void {
    this.#aboard--
    if (this.#aboard === 0) this.left.abort(reason)
  }
}

function aborted(signal: AbortSignal): { readonly promise: Promise<never>; forget(): void } {
  let forget!: () => void
  const promise = new Promise<never>((_, reject) => {
    forget = onAbort(signal, reject)
  })
  return { promise, forget }
}

/** Node's, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1

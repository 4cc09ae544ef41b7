import { LazySignal } from './lazy-signal.js'
import { onAbort } from './on-abort.js'

/**
 * What a flight lands with. `asOf` is the moment (a count, not a time) up to which arrivals may take it: whoever asked later may
 * know of an invalidation that the value does not.
 */
export interface Landing<T> {
  readonly value: T
  readonly asOf: number
  /** Redis did not answer on the way. */
  readonly down: boolean
}

/**
 * One load that many callers of this process wait for. Its signal aborts when the last of them has left.
 */
export class Flight<T> {
  readonly landing: Promise<Landing<T>>
  /** Aborts when nobody is aboard any more. */
  readonly left = new LazySignal()
  #aboard = 0

  constructor(fly: (flight: Flight<T>) => Promise<Landing<T>>) {
    this.landing = fly(this)
    this.landing.catch(() => undefined) // when everybody has left, nobody is there to hear of it
  }

  /** The landing, or the signal's reason as soon as it aborts. */
  join(signal: AbortSignal | undefined): Promise<Landing<T>> {
    this.#aboard++
    return signal ? this.#joinUntil(signal) : this.landing
  }

  async #joinUntil(signal: AbortSignal): Promise<Landing<T>> {
    const left = aborted(signal)
    try {
      return await Promise.race([this.landing, left.promise])
    } finally {
      left.forget()
      if (signal.aborted) this.#leave(signal.reason)
    }
  }

  #leave(reason: unknown): void {
    this.#aboard--
    if (this.#aboard === 0) this.left.abort(reason)
  }
}

function aborted(signal: AbortSignal): { readonly promise: Promise<never>; forget(): void } {
  let forget!: () => void
  const promise = new Promise<never>((_, reject) => { forget = onAbort(signal, reject) })
  return { promise, forget }
}

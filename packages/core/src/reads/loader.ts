import { parseTtl, type Ttl } from '../util/duration.js'
import { CacheError, UsageError } from '../errors.js'
import { LazySignal } from '../util/lazy-signal.js'
import { onAbort } from '../util/on-abort.js'
import { timerDelay } from '../util/timer-delay.js'

/** The context that a loader is called with. */
export interface LoadContext<T> {
  /** Aborts when the last caller stops waiting, or after `loadTimeout.hard`. */
  readonly signal: AbortSignal
  /**
   * The value that is being replaced, if there is one. You can revalidate it (ETag, `updated_at`)
   * instead of loading a new one.
   */
  readonly stale: T | undefined
  /** Sets the ttl of this value. `'never'`: it does not expire. */
  ttl(ttl: Ttl): void
  /**
   * Keeps this value out of the cache. For 1 s, other callers load for themselves without queueing
   * behind each other.
   */
  skip(): void
  /** Returns the stale value because it is still right: `return notModified()`. */
  notModified(): T
}

/** Loads a value from the source. */
export type Loader<T> = (context: LoadContext<T>) => LoaderResult<T>

/**
 * What a loader returns: a value, or `null` or `undefined` if the source has none; or a promise of
 * that.
 */
export type LoaderResult<T> = T | null | undefined | Promise<T | null | undefined>

/**
 * The loader took longer than `loadTimeout.hard`. Its signal was aborted, and nothing was cached.
 */
export class LoadTimeoutError extends CacheError {
  static override readonly kind: string = 'LoadTimeoutError'
  constructor(key: string, hard: number) {
    const advice = 'Stop the loader when its signal aborts, or allow more time.'
    super(
      `The loader of ${key} did not return within ${hard} ms ("loadTimeout.hard"). ` +
        `Nothing was cached. ${advice}`,
      { code: 'LOAD_TIMEOUT', key },
    )
  }
}

/** The outcome of a loader that did not throw. */
export interface Loaded<T> {
  readonly value: T | null | undefined
  /** How long the loader took. */
  readonly ms: number
  /** The ttl that the loader chose, in ms; `Infinity`: it does not expire. */
  readonly ttl: number | undefined
  /** The loader called `skip()`. */
  readonly skipped: boolean
}

interface LoaderCall<T> {
  readonly key: string
  readonly load: Loader<T>
  readonly stale: T | undefined
  /** Aborts when the last caller stops waiting. */
  readonly abandoned: LazySignal
  readonly hard: number | undefined
}

/**
 * Calls the loader. Rejects with its error. Rejects as soon as no caller waits any more (with the
 * reason of the last one), or after `hard` ms (with `LoadTimeoutError`), even if the loader goes
 * on.
 */
export async function callLoader<T>({
  key,
  load,
  stale,
  abandoned,
  hard,
}: LoaderCall<T>): Promise<Loaded<T>> {
  if (abandoned.aborted) throw abandoned.reason
  const started = performance.now()
  const context = new LoaderContext(stale)
  const timer =
    hard === undefined
      ? undefined
      : setTimeout(() => context.aborted.abort(new LoadTimeoutError(key, hard)), timerDelay(hard))
  abandoned.onAbort((reason) => context.aborted.abort(reason))
  try {
    const value = await new Promise<T | null | undefined>((resolve, reject) => {
      context.aborted.onAbort(reject)
      Promise.resolve(load(context)).then(resolve, reject)
    })
    return {
      value,
      ms: performance.now() - started,
      ttl: context.chosenTtl,
      skipped: context.skipped,
    }
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Calls a loader without caching its value. Rejects with the reason of `signal` as soon as it
 * aborts, or with `LoadTimeoutError` after `hard` ms, even if the loader goes on.
 */
export async function loadUncached<T>(
  key: string,
  load: Loader<T>,
  { signal, hard }: { readonly signal: AbortSignal | undefined; readonly hard: number | undefined },
): Promise<T | null | undefined> {
  const abandoned = new LazySignal()
  const stopListening = signal && onAbort(signal, (reason) => abandoned.abort(reason))
  try {
    return (await callLoader({ key, load, stale: undefined, abandoned, hard })).value
  } finally {
    stopListening?.()
  }
}

/** Returns the context for a loader whose value is not cached. */
export function uncachedContext<T>(
  signal: AbortSignal = new AbortController().signal,
): LoadContext<T> {
  const { ttl, skip, notModified } = new LoaderContext<T>(undefined)
  return { signal, stale: undefined, ttl, skip, notModified }
}

class LoaderContext<T> implements LoadContext<T> {
  readonly aborted = new LazySignal()
  readonly stale: T | undefined
  chosenTtl: number | undefined
  skipped = false

  constructor(stale: T | undefined) {
    this.stale = stale
  }

  get signal(): AbortSignal {
    return this.aborted.signal
  }

  // These are properties, so that a loader can destructure its context.
  readonly ttl = (ttl: Ttl): void => {
    this.chosenTtl = parseTtl(ttl, 'ttl')
  }

  readonly skip = (): void => {
    this.skipped = true
  }

  readonly notModified = (): T => {
    if (this.stale === undefined) {
      const advice = 'Call it only if context.stale is not undefined.'
      throw new UsageError(
        `notModified() was called, but there is no stale value to return. ${advice}`,
      )
    }
    return this.stale
  }
}

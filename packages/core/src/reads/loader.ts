import { parseDuration, type Duration } from '../util/duration.js'
import { CacheError } from '../errors.js'
import { LazySignal } from '../util/lazy-signal.js'
import { onAbort } from '../util/on-abort.js'

/** What a loader is told, and what it may say. */
export interface LoadContext<T> {
  /** Aborts when the last caller has left, or past `loadTimeout.hard`. */
  readonly signal: AbortSignal
  /**
   * The value being replaced, if there is one: revalidate it (ETag, `updated_at`) instead of
   * loading anew.
   */
  readonly stale: T | undefined
  /** This value's own ttl. */
  ttl(duration: Duration): void
  /**
   * Don't cache this answer. For a moment (1 s) other callers load for themselves, without queueing
   * behind each other.
   */
  skip(): void
  /** The stale value is still right: `return notModified()`. */
  notModified(): T
}

export type Loader<T> = (
  context: LoadContext<T>,
) => T | null | undefined | Promise<T | null | undefined>

/**
 * The loader took longer than `loadTimeout.hard`. Its signal was aborted, and nothing was cached.
 */
export class LoadTimeoutError extends CacheError {
  static override readonly kind: string = 'LoadTimeoutError'
  constructor(key: string, hard: number) {
    super(
      `The loader of ${key} did not answer within ${hard} ms ("loadTimeout.hard"). Nothing was cached. Let the loader stop at its signal, or allow more.`,
      { code: 'LOAD_TIMEOUT', key },
    )
  }
}

export interface Loaded<T> {
  readonly value: T | null | undefined
  readonly ms: number
  readonly ttl: number | undefined
  readonly skipped: boolean
}

interface Request<T> {
  readonly key: string
  readonly load: Loader<T>
  readonly stale: T | undefined
  /** Aborts when the last caller has left. */
  readonly left: LazySignal
  readonly hard: number | undefined
}

/**
 * Calls the loader. Rejects with its error; with the reason of the last caller to leave, or
 * `LoadTimeoutError`, whatever it does.
 */
export async function callLoader<T>({
  key,
  load,
  stale,
  left,
  hard,
}: Request<T>): Promise<Loaded<T>> {
  if (left.aborted) throw left.reason
  const started = performance.now()
  const context = new Context(stale)
  const timer =
    hard === undefined
      ? undefined
      : setTimeout(() => context.told.abort(new LoadTimeoutError(key, hard)), hard)
  left.onAbort((reason) => context.told.abort(reason))
  try {
    const value = await new Promise<T | null | undefined>((resolve, reject) => {
      context.told.onAbort(reject)
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
 * Calls a loader whose answer is not cached as it is. Rejects with the signal's reason as soon as
 * it aborts, or after `hard` ms with `LoadTimeoutError`, whatever the loader does.
 */
export async function loadUncached<T>(
  key: string,
  load: Loader<T>,
  { signal, hard }: { readonly signal: AbortSignal | undefined; readonly hard: number | undefined },
): Promise<T | null | undefined> {
  const left = new LazySignal()
  const forget = signal && onAbort(signal, (reason) => left.abort(reason))
  try {
    return (await callLoader({ key, load, stale: undefined, left, hard })).value
  } finally {
    forget?.()
  }
}

/** What a loader is told whose answer is not cached as it is. */
export function uncachedContext<T>(
  signal: AbortSignal = new AbortController().signal,
): LoadContext<T> {
  const told = new Context<T>(undefined)
  return { signal, stale: undefined, ttl: told.ttl, skip: told.skip, notModified: told.notModified }
}

class Context<T> implements LoadContext<T> {
  readonly told = new LazySignal()
  readonly stale: T | undefined
  chosenTtl: number | undefined
  skipped = false

  constructor(stale: T | undefined) {
    this.stale = stale
  }

  get signal(): AbortSignal {
    return this.told.signal
  }

  // As properties, so that a loader may take them out of its context.
  readonly ttl = (duration: Duration): void => {
    this.chosenTtl = parseDuration(duration, 'ttl')
  }

  readonly skip = (): void => {
    this.skipped = true
  }

  readonly notModified = (): T => {
    if (this.stale === undefined) {
      const advice = 'Call it only where context.stale is not undefined.'
      throw new CacheError(
        `notModified() was called where there is no stale value to keep. ${advice}`,
        { code: 'USAGE' },
      )
    }
    return this.stale
  }
}

import { parseDuration, type Duration } from '../duration.js'
import { CacheError, InvalidOptionError } from '../errors.js'

/** What a loader is told, and what it may say. */
export interface LoadContext<T> {
  /** Aborts when the last caller has left, or past `loadTimeout.hard`. */
  readonly signal: AbortSignal
  /** The value being replaced, if there is one: revalidate it (ETag, `updated_at`) instead of loading anew. */
  readonly stale: T | undefined
  /** This value's own ttl. */
  ttl(duration: Duration): void
  /** Don't cache this answer. For a moment (1 s) other callers load for themselves, without queueing behind each other. */
  skip(): void
  /** The stale value is still right: `return notModified()`. */
  notModified(): T
}

export type Loader<T> = (context: LoadContext<T>) => T | null | undefined | Promise<T | null | undefined>

/** The loader took longer than `loadTimeout.hard`. Its signal was aborted, and nothing was cached. */
export class LoadTimeoutError extends CacheError {
  override name = 'LoadTimeoutError'
  constructor(key: string, hard: number) {
    super(`The loader of ${key} did not answer within ${hard} ms ("loadTimeout.hard"). Nothing was cached. Let the loader stop at its signal, or allow more.`, { code: 'LOAD_TIMEOUT', key })
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
  readonly signal: AbortSignal
  readonly hard: number | undefined
}

/** Calls the loader. Rejects with its error, with the signal's reason, or with `LoadTimeoutError`. */
export async function callLoader<T>({ key, load, stale, signal, hard }: Request<T>): Promise<Loaded<T>> {
  const started = performance.now()
  let ttl: number | undefined
  let skipped = false
  const deadline = new Deadline(key, signal, hard)
  const context: LoadContext<T> = {
    signal: deadline.signal,
    stale,
    ttl(duration) { ttl = parseDuration(duration, 'ttl') },
    skip() { skipped = true },
    notModified() {
      if (stale === undefined) throw new InvalidOptionError('notModified', 'called only where there is a stale value to keep (context.stale)', undefined)
      return stale
    },
  }
  try {
    const value = await Promise.race([load(context), deadline.passed])
    return { value, ms: performance.now() - started, ttl, skipped }
  } finally {
    deadline.forget()
  }
}

/** Rejects when the callers have left or the time is up, whatever the loader does. */
class Deadline {
  readonly signal: AbortSignal
  readonly passed: Promise<never>
  readonly #timer: NodeJS.Timeout | undefined
  readonly #forget: () => void

  constructor(key: string, left: AbortSignal, hard: number | undefined) {
    const controller = new AbortController()
    const abort = (): void => controller.abort(left.reason)
    if (left.aborted) abort()
    else left.addEventListener('abort', abort, { once: true })
    this.signal = controller.signal
    this.#timer = hard === undefined ? undefined : setTimeout(() => controller.abort(new LoadTimeoutError(key, hard)), hard)
    this.passed = new Promise((_, reject) => {
      if (controller.signal.aborted) reject(controller.signal.reason as Error)
      else controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error), { once: true })
    })
    this.passed.catch(() => undefined)
    this.#forget = () => left.removeEventListener('abort', abort)
  }

  forget(): void {
    clearTimeout(this.#timer)
    this.#forget()
  }
}

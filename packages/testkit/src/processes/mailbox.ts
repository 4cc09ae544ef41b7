export interface NextOptions {
  /** Milliseconds to wait; 60,000 where it is missing. */
  readonly timeout?: number
}

/**
 * Which message: the first there is; the first of this `type` (or equal to this text); the first
 * that fits.
 */
export type Wanted<T> = string | ((message: T) => boolean) | undefined

/** Messages in the order they came. One that nobody awaits yet is kept until somebody does. */
export class Mailbox {
  readonly #owner: string
  readonly #queue: unknown[] = []
  readonly #waiting = new Set<Waiting>()
  #ended: Error | undefined

  constructor(owner: string) {
    this.#owner = owner
  }

  push(message: unknown): void {
    for (const waiting of this.#waiting) if (waiting.fits(message)) return waiting.take(message)
    this.#queue.push(message)
  }

  /** No more messages will come. What has come can still be taken. */
  end(reason: Error): void {
    this.#ended = reason
    for (const waiting of this.#waiting) waiting.fail(reason)
  }

  next<T>(wanted?: Wanted<T>, { timeout = 60_000 }: NextOptions = {}): Promise<T> {
    const fits = predicate(wanted as Wanted<unknown>)
    const index = this.#queue.findIndex(fits)
    if (index >= 0) return Promise.resolve(this.#queue.splice(index, 1)[0] as T)
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise<T>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
      }
      const waiting: Waiting = {
        fits,
        take: (message) => (settle(), resolve(message as T)),
        fail: (error) => (settle(), reject(error)),
      }
      const timer = setTimeout(() => waiting.fail(this.#late(wanted, timeout)), timeout)
      this.#waiting.add(waiting)
    })
  }

  #late(wanted: unknown, timeout: number): Error {
    const unread =
      this.#queue.length === 0
        ? 'Nothing else came.'
        : `Unread: ${JSON.stringify(this.#queue.slice(0, 5))}`
    return new Error(`${this.#owner} sent ${described(wanted)} within ${timeout} ms. ${unread}`)
  }
}

interface Waiting {
  fits(message: unknown): boolean
  take(message: unknown): void
  fail(error: Error): void
}

function predicate(wanted: Wanted<unknown>): (message: unknown) => boolean {
  if (wanted === undefined) return () => true
  if (typeof wanted === 'function') return wanted
  return (message) =>
    message === wanted ||
    (typeof message === 'object' &&
      message !== null &&
      'type' in message &&
      message.type === wanted)
}

function described(wanted: unknown): string {
  if (wanted === undefined) return 'no message'
  return typeof wanted === 'string' ? `no message "${wanted}"` : 'no message that fits'
}

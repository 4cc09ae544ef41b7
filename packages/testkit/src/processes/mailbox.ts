export interface NextOptions {
  /** The timeout in milliseconds. The default is 60,000. */
  readonly timeout?: number
}

/**
 * Selects a message: the first of this `type` or equal to this text, or the first for which the
 * predicate returns `true`. `undefined` selects the first message.
 */
export type Wanted<T> = string | ((message: T) => boolean) | undefined

/** Messages in the order of their arrival. Each is stored until a caller takes it. */
export class Mailbox {
  readonly #owner: string
  readonly #queue: unknown[] = []
  readonly #waiters = new Set<Waiter>()
  #ended: Error | undefined

  constructor(owner: string) {
    this.#owner = owner
  }

  push(message: unknown): void {
    for (const waiter of this.#waiters) if (waiter.matches(message)) return waiter.take(message)
    this.#queue.push(message)
  }

  /** Rejects all waiters, because no more messages arrive. Stored messages can still be taken. */
  end(reason: Error): void {
    this.#ended = reason
    for (const waiter of this.#waiters) waiter.fail(reason)
  }

  next<T>(filter?: Wanted<T>, { timeout = 60_000 }: NextOptions = {}): Promise<T> {
    const matches = predicate(filter as Wanted<unknown>)
    const index = this.#queue.findIndex(matches)
    if (index >= 0) return Promise.resolve(this.#queue.splice(index, 1)[0] as T)
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise<T>((resolve, reject) => {
      const remove = () => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        matches,
        take: (message) => (remove(), resolve(message as T)),
        fail: (error) => (remove(), reject(error)),
      }
      const timer = setTimeout(() => waiter.fail(this.#timeoutError(filter, timeout)), timeout)
      this.#waiters.add(waiter)
    })
  }

  #timeoutError(filter: unknown, timeout: number): Error {
    const unread =
      this.#queue.length === 0
        ? 'Nothing else came.'
        : `Unread: ${JSON.stringify(this.#queue.slice(0, 5))}`
    return new Error(`${this.#owner} sent ${describe(filter)} within ${timeout} ms. ${unread}`)
  }
}

interface Waiter {
  matches(message: unknown): boolean
  take(message: unknown): void
  fail(error: Error): void
}

function predicate(filter: Wanted<unknown>): (message: unknown) => boolean {
  if (filter === undefined) return () => true
  if (typeof filter === 'function') return filter
  return (message) =>
    message === filter ||
    (typeof message === 'object' &&
      message !== null &&
      'type' in message &&
      message.type === filter)
}

function describe(filter: unknown): string {
  if (filter === undefined) return 'no message'
  return typeof filter === 'string' ? `no message "${filter}"` : 'no matching message'
}

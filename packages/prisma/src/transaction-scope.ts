import type { Mutation } from '@cache/core'
import { UsageError } from '@cache/core'

/** The groups that the operations of one transaction change. They stay open until it has ended. */
export class TransactionScope {
  readonly #begin: (groups: readonly string[]) => Promise<Mutation>
  readonly #open = new Map<string, Promise<Mutation>>()
  readonly #running = new Set<Promise<unknown>>()
  /** Resolves when the last operation so far was sent. */
  #sent: Promise<void> = Promise.resolve()
  #ended = false

  constructor(begin: (groups: readonly string[]) => Promise<Mutation>) {
    this.#begin = begin
  }

  /**
   * Opens a mutation of the groups that are not open yet. Resolves when all are open: the operation
   * may run then. Rejects with `CacheUnavailableError` if Redis does not answer.
   */
  async add(groups: readonly string[]): Promise<void> {
    if (this.#ended) throw endedTransaction()
    const missing = groups.filter((group) => !this.#open.has(group))
    if (missing.length > 0) {
      const opening = this.#begin(missing)
      for (const group of missing) this.#open.set(group, opening)
      // The next operation tries again.
      opening.catch(() => {
        for (const group of missing) this.#open.delete(group)
      })
    }
    await Promise.all(groups.map((group) => this.#open.get(group)!))
  }

  /**
   * Runs an operation once the mutation of its groups is open. Operations are sent in the order of
   * the calls, as without a cache.
   */
  async run<R>(groups: readonly string[], operation: () => Promise<R>): Promise<R> {
    const opening = groups.length > 0 ? this.add(groups) : undefined
    const before = this.#sent
    let sent!: () => void
    this.#sent = new Promise((resolve) => {
      sent = resolve
    })
    const running = (async () => {
      try {
        await Promise.all([before, opening])
        return { result: operation() } // Not awaited: the next one may be sent.
      } finally {
        sent()
      }
    })().then(({ result }) => result)
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /**
   * Resolves when no operation is running. A transaction must not end before: Prisma would refuse
   * an operation that still waits for Redis.
   */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  /** Makes the results of all groups invalid, after the database has committed. */
  async commit(): Promise<void> {
    const ends = (await this.#end()).map((mutation) => mutation.commit())
    for (const result of await Promise.allSettled(ends))
      if (result.status === 'rejected') throw result.reason
  }

  /** Makes them invalid as well. Never rejects. */
  async abort(): Promise<void> {
    await Promise.all((await this.#end()).map((mutation) => mutation.abort()))
  }

  async #end(): Promise<Mutation[]> {
    this.#ended = true
    const openings = await Promise.allSettled(new Set(this.#open.values()))
    return openings.flatMap((opening) => (opening.status === 'fulfilled' ? [opening.value] : []))
  }
}

/** The error of a write in a transaction that is not under way, or was not begun with the cache. */
export function endedTransaction(): UsageError {
  return new UsageError(
    'A write was executed in a transaction that had ended, or that was not begun with ' +
      '$transaction of the client with the cache.',
  )
}

import type { Mutation } from './mutation.js'

interface TransactionScopeOptions {
  /** Begins a mutation of groups. */
  readonly begin: (groups: readonly string[]) => Promise<Mutation>
  /** Makes the error of a statement after the end of the transaction. */
  readonly endedError: () => Error
}

/**
 * The groups that the statements of one transaction of a database change. Their mutations stay open
 * until the transaction has ended. For caches of queries.
 */
export class TransactionScope {
  readonly #options: TransactionScopeOptions
  readonly #open = new Map<string, Promise<Mutation>>()
  readonly #running = new Set<Promise<unknown>>()
  /** Resolves when the last statement so far was sent. */
  #sent: Promise<void> = Promise.resolve()
  #ended = false

  constructor(options: TransactionScopeOptions) {
    this.#options = options
  }

  /**
   * Opens a mutation of the groups that are not open yet. Resolves when all are open: the statement
   * may run then. Rejects with `CacheUnavailableError` if Redis does not answer.
   */
  async add(groups: readonly string[]): Promise<void> {
    if (this.#ended) throw this.#options.endedError()
    const missing = groups.filter((group) => !this.#open.has(group))
    if (missing.length > 0) {
      const opening = this.#options.begin(missing)
      for (const group of missing) this.#open.set(group, opening)
      // The next statement tries again.
      opening.catch(() => {
        for (const group of missing) this.#open.delete(group)
      })
    }
    await Promise.all(groups.map((group) => this.#open.get(group)!))
  }

  /**
   * Runs a statement once the mutation of its groups is open. Statements are sent in the order of
   * the calls, as without a cache.
   */
  async run<R>(groups: readonly string[], statement: () => Promise<R>): Promise<R> {
    const opening = groups.length > 0 ? this.add(groups) : undefined
    const before = this.#sent
    let sent!: () => void
    this.#sent = new Promise((resolve) => {
      sent = resolve
    })
    const running = (async () => {
      try {
        await Promise.all([before, opening])
        return { result: statement() } // Not awaited: the next one may be sent.
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
   * Resolves when no statement is running. A transaction must not end before: a statement that
   * still waits for Redis would run after it, by itself, or be refused.
   */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  /** Makes what depends on any of the groups invalid, after the database has committed. */
  async commit(): Promise<void> {
    const ends = (await this.#end()).map((mutation) => mutation.commit())
    for (const result of await Promise.allSettled(ends))
      if (result.status === 'rejected') throw result.reason
  }

  /** Makes it invalid as well. Never rejects. */
  async abort(): Promise<void> {
    await Promise.all((await this.#end()).map((mutation) => mutation.abort()))
  }

  async #end(): Promise<Mutation[]> {
    this.#ended = true
    const openings = await Promise.allSettled(new Set(this.#open.values()))
    return openings.flatMap((opening) => (opening.status === 'fulfilled' ? [opening.value] : []))
  }
}

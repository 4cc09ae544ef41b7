import { UsageError, type Mutation } from '@cache/core'
import type { Engine } from './engine.js'

/** The groups that the statements of one transaction change. They stay open until it has ended. */
export class TransactionScope {
  readonly #engine: Engine
  readonly #open = new Map<string, Promise<Mutation>>()
  readonly #running = new Set<Promise<unknown>>()
  /** Resolves when the last statement so far was sent. */
  #sent: Promise<void> = Promise.resolve()
  #ended = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /**
   * Opens a mutation of the groups that are not open yet. Resolves when all are open: the statement
   * may run then. Rejects with `CacheUnavailableError` if Redis does not answer.
   */
  async add(groups: readonly string[]): Promise<void> {
    if (this.#ended)
      throw new UsageError('A statement was executed on a transaction that had ended.')
    const missing = groups.filter((group) => !this.#open.has(group))
    if (missing.length > 0) {
      const opening = this.#engine.begin(missing)
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
  async run(groups: readonly string[], statement: () => Promise<unknown>): Promise<unknown> {
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
   * still waits for Redis would run after it, by itself.
   */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  /** Makes the rows of all groups invalid, after the database has committed. */
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

/**
 * The operations of one `$transaction([…])`. Prisma sends them once all have arrived. If one is
 * refused before, it leaves the others waiting for ever.
 */
export class BatchScope {
  readonly #running = new Set<Promise<unknown>>()
  readonly #ended: Promise<never>
  #end!: (error: unknown) => void
  #hasEnded = false

  constructor() {
    this.#ended = new Promise((_, reject) => {
      this.#end = reject
    })
    this.#ended.catch(() => undefined)
  }

  /** Runs an operation. Rejects if the transaction ends before. */
  async run<R>(operation: () => Promise<R>): Promise<R> {
    return Promise.race([operation(), this.#ended])
  }

  /**
   * Keeps the transaction from ending until a write has told Redis its end. If the transaction has
   * failed, the write never settles: Prisma may not be waiting for it, and then nobody would handle
   * its error.
   */
  async track<R>(begin: () => Promise<R>): Promise<R> {
    if (this.#hasEnded) return never()
    const write = begin()
    this.#running.add(write)
    try {
      return await write
    } catch (error) {
      if (this.#hasEnded) return await never()
      throw error
    } finally {
      this.#running.delete(write)
    }
  }

  /** Ends the operations that Prisma will not send. */
  async end(error: unknown): Promise<void> {
    this.#hasEnded = true
    this.#end(error)
    await Promise.allSettled(this.#running)
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}

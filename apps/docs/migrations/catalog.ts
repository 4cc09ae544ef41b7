/** The database of the programs that cache products, with what the tests need to hold a query. */
export interface Product {
  readonly id: string
  readonly name: string
  readonly category: string
}

export interface Database {
  find(id: string): Promise<Product | undefined>
  findCategory(category: string): Promise<Product[]>
  rename(id: string, name: string): Promise<void>
}

/** A database in memory that counts queries, and can hold their results back. */
export class MemoryDatabase implements Database {
  readonly #rows = new Map<string, Product>([
    ['1', { id: '1', name: 'chair', category: 'oak' }],
    ['2', { id: '2', name: 'table', category: 'oak' }],
  ])
  queries = 0
  #held: { queries: number; readonly until: Promise<void> } | undefined

  async find(id: string): Promise<Product | undefined> {
    return this.#answer(this.#rows.get(id))
  }

  async findCategory(category: string): Promise<Product[]> {
    return this.#answer([...this.#rows.values()].filter((row) => row.category === category))
  }

  async rename(id: string, name: string): Promise<void> {
    this.#rows.set(id, { ...this.#rows.get(id)!, name })
  }

  /** The next queries get their rows at once, but return them only after the call of `release`. */
  hold(queries = 1): { release(): void } {
    let release!: () => void
    this.#held = { queries, until: new Promise((resolve) => (release = resolve)) }
    return { release }
  }

  async #answer<T>(result: T): Promise<T> {
    this.queries++
    if (this.#held !== undefined && this.#held.queries-- > 0) await this.#held.until
    return result
  }
}

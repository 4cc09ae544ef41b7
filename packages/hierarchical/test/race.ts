import type { Hierarchical } from '../src/index.js'
import type { Product } from './cases.js'

const CATEGORIES = 3
const IDS = 4

export const pause = (): Promise<void> =>
  new Promise((resolve) =>
    Math.random() < 0.5 ? setImmediate(resolve) : setTimeout(resolve, Math.random() * 3),
  )

/** A source in which items change and move between groups; `price` counts the changes of each. */
export class Moving {
  /** The category of each item after each of its changes. */
  readonly history: number[][] = Array.from({ length: IDS }, (_, id) => [id % CATEGORIES])
  /** How many changes of each item were acknowledged. */
  readonly settled: number[] = Array.from({ length: IDS }, () => 0)
  readonly stale: string[] = []
  /** Answers that there is none: of an item that moved there and back between two questions. */
  gone = 0
  loads = 0
  reads = 0

  row(id: number): Product {
    const price = this.history[id]!.length - 1
    return { id, category: this.history[id]![price]!, price }
  }

  change(id: number): number {
    this.history[id]!.push(
      Math.random() < 0.5 ? this.row(id).category : Math.floor(Math.random() * CATEGORIES),
    )
    return this.row(id).price
  }

  readonly groupOf = async (id: number): Promise<number> => {
    await pause()
    const { category } = this.row(id)
    await pause()
    return category
  }

  readonly loadGroup = async (category: number): Promise<readonly Product[]> => {
    this.loads++
    await pause()
    const items = this.history
      .map((_, id) => this.row(id))
      .filter((row) => row.category === category)
    await pause()
    return items
  }

  readonly loadDepartment = async (department: number): Promise<readonly Product[]> => {
    this.loads++
    await pause()
    const items = this.history
      .map((_, id) => this.row(id))
      .filter((row) => row.category % 2 === department)
    await pause()
    return items
  }

  async read(products: Hierarchical<Product, number, number>): Promise<void> {
    const floor = [...this.settled]
    const check = (item: Product | null | undefined, id: number): void => {
      if (!item) this.gone++
      else if (item.price < floor[id]!)
        this.stale.push(`item ${id}: ${item.price} after ${floor[id]}`)
      else if (item.category !== this.history[id]![item.price])
        this.stale.push(`item ${id} is torn`)
    }
    this.reads++
    const kind = Math.random()
    const id = Math.floor(Math.random() * IDS)
    if (kind < 0.5) check(await products.get(id), id)
    else if (kind < 0.6) (await products.getMany([0, 1, 2, 3])).forEach(check)
    else this.checkGroup(id % CATEGORIES, await products.getGroup(id % CATEGORIES), floor)
  }

  checkGroup(category: number, items: readonly Product[], floor: readonly number[]): void {
    for (const [id, history] of this.history.entries()) {
      const item = items.find((one) => one.id === id)
      if (
        item
          ? item.price < floor[id]!
          : history.slice(floor[id]).every((other) => other === category)
      )
        this.stale.push(
          `group ${category}: item ${id} ` +
            (item ? `is ${item.price} after ${floor[id]}` : 'is not in it'),
        )
    }
  }
}

interface Race {
  readonly source: Moving
  readonly contenders: readonly Hierarchical<Product, number, number>[]
  readonly writes: number
  /** Takes something from Redis, as an eviction does. */
  readonly lose: () => Promise<unknown>
  /** Says of an item that it has changed. */
  readonly invalidate?: (
    products: Hierarchical<Product, number, number>,
    id: number,
  ) => Promise<unknown>
}

/** So many writes, by two writers, against readers of all contenders. */
export async function race({
  source,
  contenders,
  writes,
  lose,
  invalidate = (products, id) => products.invalidate(id),
}: Race): Promise<void> {
  let running = true
  const reader = async (products: Hierarchical<Product, number, number>): Promise<void> => {
    while (running) {
      await source.read(products)
      if (Math.random() < 0.3) await pause()
    }
  }
  const readers = contenders.flatMap((products) =>
    Array.from({ length: 3 }, () => reader(products)),
  )
  const writer = async (n: number): Promise<void> => {
    for (let i = 0; i < writes / 2; i++) {
      const id = Math.floor(Math.random() * IDS)
      const price = source.change(id)
      await invalidate(contenders[(i + n) % contenders.length]!, id)
      source.settled[id] = Math.max(source.settled[id]!, price)
      if (Math.random() < 0.2) await lose()
      if (Math.random() < 0.5) await pause()
    }
  }
  await Promise.all([writer(0), writer(1)])
  running = false
  await Promise.all(readers)
}

export interface Product {
  readonly id: string
  readonly name: string
  readonly price: number
  readonly stock: number
}

/** What the service needs of its database. */
export interface Database {
  find(id: string): Promise<Product | undefined>
  save(product: Product): Promise<void>
}

/** Returns a database in memory: this sample needs nothing but Redis. */
export function memoryDatabase(products: readonly Product[]): Database {
  const rows = new Map(products.map((product) => [product.id, product]))
  return {
    find: async (id) => rows.get(id),
    save: async (product) => void rows.set(product.id, product),
  }
}

import type { Product } from '../products.js'
import type { Stats } from '../stats.js'
import type { CatalogProcess } from './stage.js'

export async function getProduct({ url }: CatalogProcess, id: number): Promise<Product> {
  const response = await fetch(`${url}/products/${id}`)
  if (!response.ok) throw new Error(`GET /products/${id} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Product
}

/** The row as it is now, or `undefined` where the service refused to change it. */
export async function patchProduct({ url }: CatalogProcess, id: number, patch: object): Promise<Product | undefined> {
  const response = await fetch(`${url}/products/${id}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(patch) })
  if (response.status === 503) return void (await response.text())
  if (!response.ok) throw new Error(`PATCH /products/${id} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Product
}

export async function statsOf(catalogs: readonly CatalogProcess[]): Promise<Stats> {
  const all = await Promise.all(catalogs.map(async ({ url }) => (await (await fetch(`${url}/stats`)).json()) as Stats))
  return all.reduce((sum, one) => Object.fromEntries(Object.entries(sum).map(([name, n]) => [name, n + one[name as keyof Stats]])) as unknown as Stats)
}

/** What was counted while `work` ran. */
export async function countedDuring<R>(catalogs: readonly CatalogProcess[], work: () => Promise<R>): Promise<{ readonly result: R; readonly stats: Stats }> {
  const before = await statsOf(catalogs)
  const result = await work()
  const after = await statsOf(catalogs)
  const stats = Object.fromEntries(Object.entries(after).map(([name, n]) => [name, n - before[name as keyof Stats]])) as unknown as Stats
  return { result, stats }
}

import type { Product } from '../products.js'
import type { Stats } from '../stats.js'
import type { ServiceProcess } from './environment.js'

export async function getProduct(catalog: ServiceProcess, id: number): Promise<Product> {
  const product = await send<Product>(catalog, 'GET', `/products/${id}`)
  if (!product) throw new Error(`GET /products/${id} was refused`)
  return product
}

/** Reads a product within its category. The seed has 60 categories. */
export async function getProductInCategory(catalog: ServiceProcess, id: number): Promise<Product> {
  const product = await send<Product>(catalog, 'GET', `/categories/${(id % 60) + 1}/products/${id}`)
  if (!product) throw new Error(`GET /categories/…/products/${id} was refused`)
  return product
}

export async function getCategory(
  catalog: ServiceProcess,
  id: number,
): Promise<readonly Product[]> {
  const products = await send<readonly Product[]>(catalog, 'GET', `/categories/${id}`)
  if (!products) throw new Error(`GET /categories/${id} was refused`)
  return products
}

/** Changes a product and returns the new row, or `undefined` if the service refused (503). */
export function patchProduct(
  catalog: ServiceProcess,
  id: number,
  patch: object,
): Promise<Product | undefined> {
  return send<Product>(catalog, 'PATCH', `/products/${id}`, patch)
}

export async function statsOf(catalogs: readonly ServiceProcess[]): Promise<Stats> {
  const all = await Promise.all(
    catalogs
      .filter(({ sharesCounters }) => !sharesCounters)
      .map(async ({ url }) => (await (await fetch(`${url}/stats`)).json()) as Stats),
  )
  return all.reduce(
    (sum, stats) =>
      Object.fromEntries(
        Object.entries(sum).map(([name, n]) => [name, n + stats[name as keyof Stats]]),
      ) as unknown as Stats,
  )
}

/** Runs `work`, and returns its result and the increase of the counters in the meantime. */
export async function countedDuring<R>(
  catalogs: readonly ServiceProcess[],
  work: () => Promise<R>,
): Promise<{ readonly result: R; readonly stats: Stats }> {
  const before = await statsOf(catalogs)
  const result = await work()
  const after = await statsOf(catalogs)
  const stats = Object.fromEntries(
    Object.entries(after).map(([name, n]) => [name, n - before[name as keyof Stats]]),
  ) as unknown as Stats
  return { result, stats }
}

/** Sends a request and returns the body, or `undefined` if the service refused for now (503). */
export async function send<R>(
  { url }: ServiceProcess,
  method: string,
  path: string,
  body?: object,
): Promise<R | undefined> {
  const response = await fetch(url + path, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (response.status === 503) return void (await response.text())
  if (!response.ok)
    throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as R
}

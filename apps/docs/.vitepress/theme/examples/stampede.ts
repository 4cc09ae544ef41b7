import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { patient } from './patient.js'

export const methods = ['naive', 'in-process', 'aside'] as const
export type Method = (typeof methods)[number]

export interface StampedeOptions {
  readonly method: Method
  readonly processes: number
  /** The callers in each process. */
  readonly callers: number
  /** The time that a load takes, in ms. */
  readonly loadTime: number
}

/** One execution of the loader. Times are ms since the callers began. */
export interface Load {
  readonly process: number
  readonly from: number
  readonly to: number
}

export interface Stampede {
  readonly loads: readonly Load[]
  /** The values that the callers got. */
  readonly values: readonly string[]
  /** The time until all callers had their value, in ms. */
  readonly took: number
}

/** Lets the callers of all processes read one cold key at once, and records the loads. */
export async function runStampede(options: StampedeOptions): Promise<Stampede> {
  const server = new MemoryServer()
  const clients = Array.from({ length: options.processes }, () =>
    createCacheClient(memoryDriver({ server }), { namespace: 'stampede', resilience: patient }),
  )
  const loads: Load[] = []
  const start = performance.now()
  const elapsed = () => performance.now() - start
  const load = async (process: number): Promise<string> => {
    const from = elapsed()
    await new Promise((resolve) => setTimeout(resolve, options.loadTime))
    loads.push({ process, from, to: elapsed() })
    return 'chair'
  }
  const values = await Promise.all(
    clients.flatMap((client, process) => {
      const read = readers[options.method](client, () => load(process))
      return Array.from({ length: options.callers }, () => read())
    }),
  )
  const took = elapsed()
  await Promise.all(clients.map((client) => client.close()))
  return { loads, values, took }
}

type Loader = () => Promise<string>

/** Returns how the callers of one process read the key. */
const readers: Record<Method, (client: CacheClient, load: Loader) => () => Promise<string>> = {
  naive: (client, load) => async () => {
    const key = client.key('naive', 42)
    const cached = await client.send({ args: ['GET', key], keys: [key] })
    if (cached !== null) return String(cached)
    const value = await load()
    await client.send({ args: ['SET', key, value, 'PX', '60000'], keys: [key] })
    return value
  },
  'in-process': (client, load) => {
    const read = readers.naive(client, load)
    let running: Promise<string> | undefined
    return () => (running ??= read().finally(() => (running = undefined)))
  },
  aside: (client, load) => {
    const products = createAside<string>({ client, prefix: 'product', ttl: '1m' })
    return () => products.getOrLoad(42, load)
  },
}

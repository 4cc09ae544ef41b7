import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { patient } from './patient.js'

export type Variant = 'naive' | 'aside'

/** What is where after one step of a reader and a writer that meet. */
export interface Step {
  readonly who: 'reader' | 'writer' | 'later reader'
  readonly does: string
  /** The price in the database. */
  readonly row: number
  /** The price in the cache, or `undefined` if there is none. */
  readonly cached: number | undefined
  /** The price that the process got in this step. */
  readonly got?: number | undefined
}

const OLD = 10
const NEW = 12

/** Runs one interleaving of a reader and a writer, and records it step by step. */
export async function recordStaleFill(variant: Variant): Promise<readonly Step[]> {
  const server = new MemoryServer()
  const clients = [1, 2, 3].map(() =>
    createCacheClient(memoryDriver({ server }), { resilience: patient }),
  )
  const [reader, writer, later] = clients.map(caches[variant]) as [
    PriceCache,
    PriceCache,
    PriceCache,
  ]
  const steps: Step[] = []
  let row = OLD
  const record = async (who: Step['who'], does: string, got?: number) =>
    void steps.push({ who, does, row, cached: await later.peek(), got })

  const missed = gate()
  const mayRead = gate()
  const hasRead = gate()
  const mayStore = gate()
  const reading = reader.read(async () => {
    missed.open()
    await mayRead.opened
    const price = row
    hasRead.open()
    await mayStore.opened
    return price
  })
  await missed.opened
  await record('reader', 'asks the cache, and finds nothing')
  mayRead.open()
  await hasRead.opened
  await record('reader', 'reads the row from the database', row)

  const hasChanged = gate()
  const mayInvalidate = gate()
  const writing = writer.write(async () => {
    row = NEW
    hasChanged.open()
    await mayInvalidate.opened
  })
  await hasChanged.opened
  await record('writer', 'changes the row')
  mayInvalidate.open()
  await writing
  await record('writer', 'deletes the entry; its write is acknowledged')

  mayStore.open()
  const got = await reading
  const stored = (await later.peek()) === got
  await record(
    'reader',
    stored ? 'stores what it read before' : 'wants to store what it read, and is refused',
    got,
  )
  await record('later reader', 'asks for the price', await later.read(async () => row))
  await Promise.all(clients.map((client) => client.close()))
  return steps
}

/** Whether a read that began after the write returned the old price. */
export function isStale({ who, row, got }: Step): boolean {
  return who === 'later reader' && got !== row
}

interface PriceCache {
  read(load: () => Promise<number>): Promise<number>
  write(change: () => Promise<void>): Promise<void>
  peek(): Promise<number | undefined>
}

const caches: Record<Variant, (client: CacheClient) => PriceCache> = {
  naive: (client) => {
    const key = client.key('naive', 42)
    const send = (command: string, ...rest: readonly string[]) =>
      client.send({ args: [command, key, ...rest], keys: [key] })
    const peek = async () => {
      const cached = await send('GET')
      return cached === null ? undefined : Number(String(cached))
    }
    return {
      async read(load) {
        const cached = await peek()
        if (cached !== undefined) return cached
        const price = await load()
        await send('SET', String(price), 'PX', '60000')
        return price
      },
      async write(change) {
        await change()
        await send('DEL')
      },
      peek,
    }
  },
  aside: (client) => {
    const prices = createAside<number>({ client, prefix: 'price', ttl: '1m' })
    return {
      read: (load) => prices.getOrLoad(42, load),
      write: (change) => prices.mutate(42, change),
      peek: async () => (await prices.peek(42)) ?? undefined,
    }
  },
}

/** A promise that is resolved from outside. */
function gate() {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}

import type { Aside } from '../src/index.js'

interface Race {
  /** The caches of several processes. */
  readonly caches: readonly Aside<string>[]
  /** The number of changes of the source. */
  readonly rounds: number
  /** Loses the epoch, as a server does that is short of memory. */
  readonly evict: () => Promise<unknown>
}

const IDS = [0, 1, 2]

/**
 * Changes a source whose value only grows, and tells the caches in every way there is, while
 * readers of all kinds run. Once a change is acknowledged, no read may return a smaller value.
 * Returns the reads that did.
 */
export async function race({ caches, rounds, evict }: Race) {
  let source = 0
  /** What each id must have at least. */
  const floors = IDS.map(() => 0)
  let running = true
  let [reads, loads, clears] = [0, 0, 0]
  const stale: string[] = []

  const load = async (): Promise<string> => {
    loads++
    await pause()
    const value = source
    await pause()
    return String(value)
  }
  const check = (kind: string, floor: number, value: string | null | undefined): void => {
    reads++
    if (value !== undefined && Number(value) < floor) stale.push(`${kind}: ${value} after ${floor}`)
  }
  const reader = async (cache: Aside<string>): Promise<void> => {
    while (running) {
      const id = pick(IDS)
      const before = [...floors]
      const kind = pick(['get', 'get', 'get', 'many', 'peek', 'refresh'] as const)
      if (kind === 'get') check(kind, before[id]!, await cache.getOrLoad(id, load))
      else if (kind === 'peek') check(kind, before[id]!, await cache.peek(id))
      else if (kind === 'refresh') check(kind, before[id]!, await cache.refresh(id, load))
      else {
        const values = await cache.getOrLoadMany(IDS, (ids) => Promise.all(ids.map(load)))
        values.forEach((value, i) => check(kind, before[i]!, value))
      }
      if (Math.random() < 0.3) await pause()
    }
  }
  const readers = caches.flatMap((cache) => [1, 2, 3].map(() => reader(cache)))

  for (let round = 0; round < rounds; round++) {
    const cache = pick(caches)
    const id = pick(IDS)
    const kind = pick(['clear', 'clear', 'mutate', 'set', 'expire', 'evict'] as const)
    if (kind === 'clear') {
      clears++
      const wrote = ++source
      const [clearing] = [cache.clear(), Math.random() < 0.3 && evict()]
      await clearing
      floors.fill(wrote)
    } else if (kind === 'mutate') floors[id] = await cache.mutate(id, () => ++source)
    else if (kind === 'set') {
      const wrote = ++source
      if (await cache.set(id, String(wrote))) floors[id] = wrote
    } else if (kind === 'expire') await cache.expire(id)
    else await evict()
    if (Math.random() < 0.5) await pause()
  }
  running = false
  await Promise.all(readers)
  await Promise.all(caches.map((cache) => cache.idle()))
  return { stale, reads, loads, clears }
}

function pick<V>(values: readonly V[]): V {
  return values[Math.floor(Math.random() * values.length)]!
}

const pause = (): Promise<void> =>
  new Promise((resolve) =>
    Math.random() < 0.5 ? setImmediate(resolve) : setTimeout(resolve, Math.random() * 3),
  )

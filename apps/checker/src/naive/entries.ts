import { checkedRead, checkedWrite } from '../patterns/checked-read.js'
import { checkGroup, groupAt, loadAll, type Item } from '../patterns/hierarchical.js'
import type { WorkloadContext, Workload } from '../patterns/workload.js'
import { Rows } from '../source.js'
import { commandsOf, numberOf } from './commands.js'

// Naive implementations of the caches. The checker has to detect their violations.

const IDS = 4
const TTL = ['PX', 3_600_000] as const

/**
 * Reads the entry, or loads the row and sets it. A change updates the row and deletes the entry.
 */
export function aside(context: WorkloadContext): Workload {
  const { get, set, del } = commandsOf(context.client)
  const rows = new Rows(context.source, 'naive-aside')
  const read = async (id: number) => {
    const cached = await get(`naive:${id}`).catch(() => null)
    if (cached !== null) return numberOf(cached)
    const version = await rows.read(id)
    await set(`naive:${id}`, version, ...TTL).catch(() => undefined)
    return version
  }
  const write = async (id: number) => {
    const version = await rows.change(id)
    await del(`naive:${id}`)
    return version
  }
  return readAndWrite(context, 'aside', rows, read, write)
}

/** Changes the row and then sets the entry. */
export function writeThrough(context: WorkloadContext): Workload {
  const { get, set } = commandsOf(context.client)
  const rows = new Rows(context.source, 'naive-through')
  const read = async (id: number) => numberOf(await get(`through:${id}`)) ?? rows.read(id)
  const write = async (id: number) => {
    const version = await rows.change(id)
    await set(`through:${id}`, version, ...TTL)
    return version
  }
  return readAndWrite(context, 'write-through', rows, read, write)
}

/** The group version is part of the key, and a miss loads and sets. The version has no ttl. */
export function versioning(context: WorkloadContext): Workload {
  const { get, set, incr } = commandsOf(context.client)
  const rows = new Rows(context.source, 'naive-versioned')
  const read = async (id: number) => {
    const cached = await get(`versioned:${id}:${numberOf(await get(`version:${id}`)) ?? 0}`)
    if (cached !== null) return numberOf(cached)
    const version = await rows.read(id)
    // Reads the version once more, because it may not have existed before.
    const key = `versioned:${id}:${numberOf(await get(`version:${id}`)) ?? 0}`
    await set(key, version, ...TTL)
    return version
  }
  const write = async (id: number) => {
    const version = await rows.change(id)
    await incr(`version:${id}`)
    return version
  }
  return readAndWrite(context, 'versioning', rows, read, write)
}

/**
 * A group is one entry. A changed item deletes the entry of its new group, but not of its old one.
 */
export function hierarchical(context: WorkloadContext): Workload {
  const { get, set, del } = commandsOf(context.client)
  const rows = new Rows(context.source, 'naive-tree')
  const load = async (id: number): Promise<Item> => ({ id, version: await rows.read(id) })
  const getGroup = async (group: number): Promise<readonly Item[]> => {
    const cached = await get(`group:${group}`)
    if (cached !== null) return JSON.parse(String(cached)) as Item[]
    const items = (await loadAll(load)).filter((item) => groupAt(item) === group)
    await set(`group:${group}`, JSON.stringify(items), ...TTL)
    return items
  }
  const { random } = context
  return {
    async step() {
      if (random.chance(0.7)) return checkGroup(context, rows, random.between(0, 2), getGroup)
      const id = random.between(0, 8)
      await checkedWrite(context, 'hierarchical', rows, id, async () => {
        const version = await rows.change(id)
        await del(`group:${groupAt({ id, version })}`)
        return version
      })
    },
    close: async () => undefined,
  }
}

/** A map in the process that messages empty. It does not detect missing messages. */
export async function near(context: WorkloadContext): Promise<Workload> {
  const { get, set, del } = commandsOf(context.client)
  const rows = new Rows(context.source, 'naive-near')
  const cache = new Map<number, number>()
  const subscription = await context.client.driver.subscribe(['naive'], {
    message: (_channel, id) => void cache.delete(Number(id)),
    gap: () => undefined,
    live: () => undefined,
  })
  const read = async (id: number) => {
    const known = cache.get(id)
    if (known !== undefined) return known
    const version: number = numberOf(await get(`near:${id}`)) ?? (await rows.read(id))
    await set(`near:${id}`, version, ...TTL)
    cache.set(id, version)
    return version
  }
  const write = async (id: number) => {
    const version = await rows.change(id)
    await del(`near:${id}`)
    await context.client.send({ args: ['PUBLISH', 'naive', String(id)], keys: [`near:${id}`] })
    return version
  }
  const workload = readAndWrite(context, 'near', rows, read, write, 600)
  return { ...workload, close: async () => void (await subscription.close()) }
}

function readAndWrite(
  context: WorkloadContext,
  pattern: string,
  rows: Rows,
  read: (id: number) => Promise<number | undefined>,
  write: (id: number) => Promise<number>,
  grace = 0,
): Workload {
  const { random } = context
  return {
    async step() {
      const id = random.between(0, IDS - 1)
      if (random.chance(0.3)) await checkedWrite(context, pattern, rows, id, () => write(id))
      else await checkedRead(context, pattern, rows, id, () => read(id), { grace })
    },
    close: async () => undefined,
  }
}

import { checkedRead, checkedWrite } from '../patterns/checked-read.js'
import { checkGroup, groupAt, loadAll, type Item } from '../patterns/hierarchical.js'
import type { World, Work } from '../patterns/work.js'
import { Rows } from '../source.js'
import { commandsOf, numberOf } from './commands.js'

// Cached rows as they are usually written. The checker has to find out.

const IDS = 4
const TTL = ['PX', 3_600_000] as const

/** Read the entry, or load the row and set it; change the row, and delete the entry. */
export function aside(world: World): Work {
  const { get, set, del } = commandsOf(world.client)
  const rows = new Rows(world.source, 'naive-aside')
  const read = async (id: number) => {
    const found = await get(`naive:${id}`).catch(() => null)
    if (found !== null) return numberOf(found)
    const version = await rows.read(id)
    await set(`naive:${id}`, version, ...TTL).catch(() => undefined)
    return version
  }
  const write = async (id: number) => {
    const version = await rows.change(id)
    await del(`naive:${id}`)
    return version
  }
  return readAndWrite(world, 'aside', rows, read, write)
}

/** Change the row, and set the entry. */
export function writeThrough(world: World): Work {
  const { get, set } = commandsOf(world.client)
  const rows = new Rows(world.source, 'naive-through')
  const read = async (id: number) => numberOf(await get(`through:${id}`)) ?? rows.read(id)
  const write = async (id: number) => {
    const version = await rows.change(id)
    await set(`through:${id}`, version, ...TTL)
    return version
  }
  return readAndWrite(world, 'write-through', rows, read, write)
}

/**
 * The version of the group is part of the key; who misses loads and sets. A counter, with no ttl.
 */
export function versioning(world: World): Work {
  const { get, set, incr } = commandsOf(world.client)
  const rows = new Rows(world.source, 'naive-versioned')
  const read = async (id: number) => {
    const found = await get(`versioned:${id}:${numberOf(await get(`version:${id}`)) ?? 0}`)
    if (found !== null) return numberOf(found)
    const version = await rows.read(id)
    // The version is read once more, as it may not have been there before.
    const key = `versioned:${id}:${numberOf(await get(`version:${id}`)) ?? 0}`
    await set(key, version, ...TTL)
    return version
  }
  const write = async (id: number) => {
    const version = await rows.change(id)
    await incr(`version:${id}`)
    return version
  }
  return readAndWrite(world, 'versioning', rows, read, write)
}

/** A group is one entry, which is deleted when an item changes: that of its new group. */
export function hierarchical(world: World): Work {
  const { get, set, del } = commandsOf(world.client)
  const rows = new Rows(world.source, 'naive-tree')
  const load = async (id: number): Promise<Item> => ({ id, version: await rows.read(id) })
  const getGroup = async (group: number): Promise<readonly Item[]> => {
    const found = await get(`group:${group}`)
    if (found !== null) return JSON.parse(String(found)) as Item[]
    const items = (await loadAll(load)).filter((item) => groupAt(item) === group)
    await set(`group:${group}`, JSON.stringify(items), ...TTL)
    return items
  }
  const { random } = world
  return {
    async step() {
      if (random.chance(0.7)) return checkGroup(world, rows, random.between(0, 2), getGroup)
      const id = random.between(0, 8)
      await checkedWrite(world, 'hierarchical', rows, id, async () => {
        const version = await rows.change(id)
        await del(`group:${groupAt({ id, version })}`)
        return version
      })
    },
    close: async () => undefined,
  }
}

/** A map in the process, emptied by messages; nothing notices when they do not come. */
export async function near(world: World): Promise<Work> {
  const { get, set, del } = commandsOf(world.client)
  const rows = new Rows(world.source, 'naive-near')
  const kept = new Map<number, number>()
  const subscription = await world.client.driver.subscribe(['naive'], {
    message: (_channel, id) => void kept.delete(Number(id)),
    gap: () => undefined,
    live: () => undefined,
  })
  const read = async (id: number) => {
    const known = kept.get(id)
    if (known !== undefined) return known
    const version: number = numberOf(await get(`near:${id}`)) ?? (await rows.read(id))
    await set(`near:${id}`, version, ...TTL)
    kept.set(id, version)
    return version
  }
  const write = async (id: number) => {
    const version = await rows.change(id)
    await del(`near:${id}`)
    await world.client.send({ args: ['PUBLISH', 'naive', String(id)], keys: [`near:${id}`] })
    return version
  }
  const work = readAndWrite(world, 'near', rows, read, write, 600)
  return { ...work, close: async () => void (await subscription.close()) }
}

function readAndWrite(
  world: World,
  pattern: string,
  rows: Rows,
  read: (id: number) => Promise<number | undefined>,
  write: (id: number) => Promise<number>,
  grace = 0,
): Work {
  const { random } = world
  return {
    async step() {
      const id = random.between(0, IDS - 1)
      if (random.chance(0.3)) await checkedWrite(world, pattern, rows, id, () => write(id))
      else await checkedRead(world, pattern, rows, id, () => read(id), { grace })
    },
    close: async () => undefined,
  }
}

import { createHierarchical } from '@cache/hierarchical'
import { now } from '../clock.js'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite } from './checked-read.js'
import type { World, Work } from './work.js'

export const ITEMS = 9
const GROUPS = 3
/** An item moves to the next group with every fourth version. */
const MOVES = 4

export interface Item {
  readonly id: number
  readonly version: number
}

export const groupAt = ({ id, version }: Item): number =>
  (id + Math.floor(version / MOVES)) % GROUPS

/** Items that change and move. A group that is read holds what it should, and nothing old. */
export function hierarchical(world: World): Work {
  const { client, source, random } = world
  const rows = new Rows(source, 'tree')
  const load = async (id: number): Promise<Item> => ({ id, version: await rows.read(id) })
  const cache = createHierarchical<Item, number, number>({
    client,
    ttl: '1h',
    item: { prefix: 'item', id: ({ id }) => id },
    group: { prefix: 'group', id: groupAt },
    groupOf: async (id) => groupAt(await load(id)),
    loadGroup: async (group) => (await loadAll(load)).filter((item) => groupAt(item) === group),
  })
  const invalidate = async (id: number) => {
    const version = await rows.change(id)
    await cache.invalidate(id)
    return version
  }
  const read = (id: number) =>
    checkedRead(world, 'hierarchical', rows, id, async () => {
      const item = await cache.get(id)
      if (!item) throw new Error(`item ${id} was not found`)
      return item.version
    })

  return {
    async step() {
      const id = random.between(0, ITEMS - 1)
      if (random.chance(0.15)) {
        await checkedWrite(world, 'hierarchical', rows, id, () => invalidate(id))
      } else if (random.chance(0.3)) {
        await checkGroup(world, rows, random.between(0, GROUPS - 1), cache.getGroup)
      } else await read(id)
    },
    async finish() {
      for (let id = 0; id < ITEMS; id++) await read(id)
      for (let group = 0; group < GROUPS; group++) {
        await checkGroup(world, rows, group, cache.getGroup)
      }
    },
    close: async () => undefined,
  }
}

export function loadAll(load: (id: number) => Promise<Item>): Promise<Item[]> {
  return Promise.all(Array.from({ length: ITEMS }, (_, id) => load(id)))
}

/** Each item was there, or not, in some version from what was acknowledged to what there is now. */
export async function checkGroup(
  world: World,
  rows: Rows,
  group: number,
  getGroup: (group: number) => Promise<readonly Item[]>,
): Promise<void> {
  const ids = Array.from({ length: ITEMS }, (_, id) => id)
  const from = now()
  const floors = await Promise.all(ids.map((id) => rows.floor(id)))
  const items = new Map((await getGroup(group)).map((item) => [item.id, item]))
  const to = now()
  const latest = await Promise.all(ids.map((id) => rows.read(id)))
  world.reporter.count('hierarchical: group reads')
  for (const id of ids) {
    const [item, floor] = [items.get(id), floors[id]!.version]
    const complain = (what: string) =>
      world.reporter.violation({ pattern: 'hierarchical', what, from, to })
    if (item) {
      if (item.version >= floor) continue
      complain(`group ${group}: item ${id} had ${item.version}, but ${floor} was acknowledged`)
    } else {
      const versions = Array.from({ length: latest[id]! - floor + 1 }, (_, i) => floor + i)
      if (versions.some((version) => groupAt({ id, version }) !== group)) continue
      complain(`group ${group}: item ${id} was missing, with versions ${floor} to ${latest[id]}`)
    }
  }
}

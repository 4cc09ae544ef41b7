import { createHierarchical } from '@cache/hierarchical'
import { now } from '../clock.js'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite } from './checked-read.js'
import type { WorkloadContext, Workload } from './workload.js'

export const ITEMS = 9
const GROUPS = 3
/** The number of versions after which an item moves to the next group. */
const VERSIONS_PER_GROUP = 4

export interface Item {
  readonly id: number
  readonly version: number
}

export const groupAt = ({ id, version }: Item): number =>
  (id + Math.floor(version / VERSIONS_PER_GROUP)) % GROUPS

/** Changes and moves items. A group read must contain the right items in current versions. */
export function hierarchical(context: WorkloadContext): Workload {
  const { client, source, random } = context
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
    checkedRead(context, 'hierarchical', rows, id, async () => {
      const item = await cache.get(id)
      if (!item) throw new Error(`item ${id} was not found`)
      return item.version
    })

  return {
    async step() {
      const id = random.between(0, ITEMS - 1)
      if (random.chance(0.15)) {
        await checkedWrite(context, 'hierarchical', rows, id, () => invalidate(id))
      } else if (random.chance(0.3)) {
        await checkGroup(context, rows, random.between(0, GROUPS - 1), cache.getGroup)
      } else await read(id)
    },
    async finish() {
      for (let id = 0; id < ITEMS; id++) await read(id)
      for (let group = 0; group < GROUPS; group++) {
        await checkGroup(context, rows, group, cache.getGroup)
      }
    },
    close: async () => undefined,
  }
}

export function loadAll(load: (id: number) => Promise<Item>): Promise<Item[]> {
  return Promise.all(Array.from({ length: ITEMS }, (_, id) => load(id)))
}

/** Checks each item against every version between the acknowledged one and the current one. */
export async function checkGroup(
  context: WorkloadContext,
  rows: Rows,
  group: number,
  getGroup: (group: number) => Promise<readonly Item[]>,
): Promise<void> {
  const ids = Array.from({ length: ITEMS }, (_, id) => id)
  const from = now()
  const minVersions = await Promise.all(ids.map((id) => rows.acknowledgedVersion(id)))
  const items = new Map((await getGroup(group)).map((item) => [item.id, item]))
  const to = now()
  const latest = await Promise.all(ids.map((id) => rows.read(id)))
  context.reporter.count('hierarchical: group reads')
  for (const id of ids) {
    const [item, minVersion] = [items.get(id), minVersions[id]!.version]
    const addViolation = (description: string) =>
      context.reporter.violation({ pattern: 'hierarchical', description, from, to })
    if (item) {
      if (item.version >= minVersion) continue
      addViolation(
        `group ${group}: item ${id} had ${item.version}, but ${minVersion} was acknowledged`,
      )
    } else {
      const versions = Array.from(
        { length: latest[id]! - minVersion + 1 },
        (_, i) => minVersion + i,
      )
      if (versions.some((version) => groupAt({ id, version }) !== group)) continue
      addViolation(
        `group ${group}: item ${id} was missing, with versions ${minVersion} to ${latest[id]}`,
      )
    }
  }
}

import { createVersioned } from '@cache/versioning'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite, INTENT_TTL } from './checked-read.js'
import type { WorkloadContext, Workload } from './workload.js'

const GROUPS = 6
const ROWS_PER_GROUP = 3
/** The first groups are changed and then bumped. If the process dies between, they stay stale. */
const BUMPED_GROUPS = 3

interface Row {
  readonly group: number
  readonly version: number
}

/** Changes all rows of a group at once. The groups are known beforehand, or read from the row. */
export function versioning(context: WorkloadContext): Workload {
  const { client, source, random } = context
  const rows = new Rows(source, 'versioned')
  const groupOf = (id: number): number => Math.floor(id / ROWS_PER_GROUP)
  const nameOf = (group: number): string => `group:${group}`
  const cacheOf = (
    prefix: string,
    groups: (id: number, row?: Row | null) => string[] | undefined,
  ) =>
    createVersioned({
      client,
      prefix,
      ttl: '1h',
      intentTtl: INTENT_TTL,
      groups,
      load: async (id: number): Promise<Row> => ({
        group: groupOf(id),
        version: await rows.read(groupOf(id)),
      }),
    })
  const caches = [
    cacheOf('known', (id) => [nameOf(groupOf(id))]),
    cacheOf('learnt', (_id, row) => (row ? [nameOf(row.group)] : undefined)),
  ]
  const [cache] = caches as [(typeof caches)[0]]
  const bump = async (group: number) => {
    const version = await rows.change(group)
    for (const cache of caches) await cache.bump(nameOf(group))
    return version
  }
  const mutate = (group: number) =>
    caches[1]!.mutateGroups(nameOf(group), () =>
      cache.mutateGroups(nameOf(group), () => rows.change(group)),
    )
  const read = async (from: typeof cache, id: number) => {
    const group = groupOf(id)
    const healsItself = group >= BUMPED_GROUPS
    const version = async () => (await from.get(id)).version
    await checkedRead(context, 'versioning', rows, group, version, { healsItself })
  }

  return {
    async step() {
      if (!random.chance(0.1)) {
        return read(random.pick(caches), random.between(0, GROUPS * ROWS_PER_GROUP - 1))
      }
      const group = random.between(0, GROUPS - 1)
      const write = group < BUMPED_GROUPS ? bump : mutate
      await checkedWrite(context, 'versioning', rows, group, () => write(group))
    },
    async finish() {
      for (let id = 0; id < GROUPS * ROWS_PER_GROUP; id++) {
        for (const cache of caches) await read(cache, id)
      }
    },
    close: async () => undefined,
  }
}

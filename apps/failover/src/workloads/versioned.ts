import type { CacheClient } from '@cache/core'
import { createVersioned } from '@cache/versioning'
import { SourceModel } from '../source-model.js'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

const GROUPS = 6
const groupOf = (id: number): number => id % GROUPS

/**
 * Changes all rows of a group at once, and bumps its group version. No read may return a row from
 * before the bump.
 */
export function versionedWorkload(client: CacheClient): Workload {
  const source = new SourceModel() // One row for each group.
  const violations = new Counter()
  const cache = createVersioned({
    client,
    prefix: 'versioned',
    ttl: '1h',
    load: async (id: number) => source.read(groupOf(id)),
    groups: (id) => [`group:${groupOf(id)}`],
  })

  const read = async (id: number): Promise<boolean> => {
    const minVersion = source.minVersion(groupOf(id))
    return (await cache.get(id)) >= minVersion
  }
  return {
    name: 'versioning',
    violations,
    async step() {
      const id = randomElement(IDS)
      if (Math.random() < 0.1) {
        const version = source.change(groupOf(id))
        await cache.bump(`group:${groupOf(id)}`)
        source.acknowledge(groupOf(id), version)
      } else if (!(await read(id))) violations.count('stale reads')
    },
    async verify() {
      for (const id of IDS) if (!(await read(id))) violations.count('entries that stay stale')
    },
    close: async () => undefined,
  }
}

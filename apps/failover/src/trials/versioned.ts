import type { CacheClient } from '@cache/core'
import { createVersioned } from '@cache/versioning'
import { Rows } from '../rows.js'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

const GROUPS = 6
const groupOf = (id: number): number => id % GROUPS

/** All rows of a group change at once, and its version with them: nobody gets one of before. */
export function versionedTrial(client: CacheClient): Trial {
  const rows = new Rows() // by group
  const broken = new Tally()
  const cache = createVersioned({
    client,
    prefix: 'versioned',
    ttl: '1h',
    load: async (id: number) => rows.read(groupOf(id)),
    groups: (id) => [`group:${groupOf(id)}`],
  })

  const read = async (id: number): Promise<boolean> => {
    const least = rows.atLeast(groupOf(id))
    return (await cache.get(id)) >= least
  }
  return {
    name: 'versioning',
    broken,
    async step() {
      const id = oneOf(IDS)
      if (Math.random() < 0.1) {
        const row = rows.change(groupOf(id))
        await cache.bump(`group:${groupOf(id)}`)
        rows.acknowledge(groupOf(id), row)
      } else if (!(await read(id))) broken.count('stale reads')
    },
    async settle() {
      for (const id of IDS) if (!(await read(id))) broken.count('entries that stay stale')
    },
    close: async () => undefined,
  }
}

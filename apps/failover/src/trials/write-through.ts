import type { CacheClient } from '@cache/core'
import { createWriteThrough } from '@cache/write-through'
import { Rows } from '../rows.js'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

/** Rows are written through the cache: nobody reads less than was acknowledged before. */
export function writeThroughTrial(client: CacheClient): Trial {
  const rows = new Rows()
  const broken = new Tally()
  const cache = createWriteThrough({
    client,
    prefix: 'through',
    ttl: '1h',
    load: async (id: number) => rows.read(id),
    store: async (id: number, _: null) => rows.change(id),
  })

  const read = async (id: number): Promise<boolean> => {
    const least = rows.atLeast(id)
    return (await cache.get(id)) >= least
  }
  return {
    name: 'write-through',
    broken,
    async step() {
      const id = oneOf(IDS)
      if (Math.random() < 0.3) rows.acknowledge(id, await cache.update(id, null))
      else if (!(await read(id))) broken.count('stale reads')
    },
    async settle() {
      for (const id of IDS) if (!(await read(id))) broken.count('entries that stay stale')
    },
    close: async () => undefined,
  }
}

import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { Rows } from '../rows.js'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

/**
 * Rows change, their entries are invalidated, and are read meanwhile: nobody gets less than was
 * acknowledged before.
 */
export function asideTrial(client: CacheClient): Trial {
  const rows = new Rows()
  const broken = new Tally()
  const cache = createAside<number, number>({ client, prefix: 'aside', ttl: '1h' })

  const read = async (id: number): Promise<boolean> => {
    const least = rows.atLeast(id)
    return (await cache.getOrLoad(id, () => rows.read(id))) >= least
  }
  return {
    name: 'aside',
    broken,
    async step() {
      const id = oneOf(IDS)
      if (Math.random() < 0.3) {
        const row = rows.change(id)
        await cache.invalidate(id)
        rows.acknowledge(id, row)
      } else if (!(await read(id))) broken.count('stale reads')
    },
    async settle() {
      for (const id of IDS) if (!(await read(id))) broken.count('entries that stay stale')
    },
    close: async () => undefined,
  }
}

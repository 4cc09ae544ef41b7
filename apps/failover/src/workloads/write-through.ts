import type { CacheClient } from '@cache/core'
import { createWriteThrough } from '@cache/write-through'
import { SourceModel } from '../source-model.js'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

/**
 * Writes rows through the cache. No read may return a version older than one that was acknowledged
 * before.
 */
export function writeThroughWorkload(client: CacheClient): Workload {
  const source = new SourceModel()
  const violations = new Counter()
  const cache = createWriteThrough({
    client,
    prefix: 'through',
    ttl: '1h',
    load: async (id: number) => source.read(id),
    store: async (id: number, _: null) => source.change(id),
  })

  const read = async (id: number): Promise<boolean> => {
    const minVersion = source.minVersion(id)
    return (await cache.get(id)) >= minVersion
  }
  return {
    name: 'write-through',
    violations,
    async step() {
      const id = randomElement(IDS)
      if (Math.random() < 0.3) source.acknowledge(id, await cache.update(id, null))
      else if (!(await read(id))) violations.count('stale reads')
    },
    async verify() {
      for (const id of IDS) if (!(await read(id))) violations.count('entries that stay stale')
    },
    close: async () => undefined,
  }
}

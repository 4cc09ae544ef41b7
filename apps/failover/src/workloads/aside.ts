import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { SourceModel } from '../source-model.js'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

/**
 * Changes rows, invalidates their entries and reads them concurrently. No read may return a version
 * older than one that was acknowledged before.
 */
export function asideWorkload(client: CacheClient): Workload {
  const source = new SourceModel()
  const violations = new Counter()
  const cache = createAside<number, number>({ client, prefix: 'aside', ttl: '1h' })

  const read = async (id: number): Promise<boolean> => {
    const minVersion = source.minVersion(id)
    return (await cache.getOrLoad(id, () => source.read(id))) >= minVersion
  }
  return {
    name: 'aside',
    violations,
    async step() {
      const id = randomElement(IDS)
      if (Math.random() < 0.3) {
        const version = source.change(id)
        await cache.invalidate(id)
        source.acknowledge(id, version)
      } else if (!(await read(id))) violations.count('stale reads')
    },
    async verify() {
      for (const id of IDS) if (!(await read(id))) violations.count('entries that stay stale')
    },
    close: async () => undefined,
  }
}

import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { SourceModel } from '../source-model.js'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

const HEARTBEAT = 300
/** The delay that a busy machine may add, because a process must get time to read its messages. */
const SLACK = 700

/**
 * One service invalidates entries, and another reads them from its near cache. No read may return a
 * value that is outdated for longer than two heartbeats.
 */
export async function nearWorkload(
  clients: readonly [CacheClient, CacheClient],
): Promise<Workload> {
  const source = new SourceModel()
  const violations = new Counter()
  const buses = clients.map((client) => createInvalidationBus({ client, heartbeat: HEARTBEAT }))
  await Promise.all(buses.map((bus) => bus.ready()))
  const [writer, reader] = clients.map((client, i) =>
    createAside<number, number>({
      client: withNearCache(client, { bus: buses[i]! }),
      prefix: 'near',
      ttl: '1h',
    }),
  ) as [Cache, Cache]

  const read = async (id: number): Promise<boolean> => {
    const minVersion = source.minVersion(id, 2 * HEARTBEAT + SLACK)
    return (await reader.getOrLoad(id, () => source.read(id))) >= minVersion
  }
  return {
    name: 'near cache',
    violations,
    async step() {
      const id = randomElement(IDS)
      if (Math.random() < 0.1) {
        const version = source.change(id)
        await writer.invalidate(id)
        source.acknowledge(id, version)
      } else if (!(await read(id))) violations.count('stale reads')
    },
    async verify() {
      for (const id of IDS) if (!(await read(id))) violations.count('entries that stay stale')
    },
    close: async () => void (await Promise.all(buses.map((bus) => bus.close()))),
  }
}

type Cache = ReturnType<typeof createAside<number, number>>

import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { Rows } from '../rows.js'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

const HEARTBEAT = 300
/** What a busy machine may add: a process can't hear what it has no time to read. */
const SLACK = 700

/**
 * One service invalidates, another reads from its near cache: what it gets is never older than two
 * heartbeats allow.
 */
export async function nearTrial(clients: readonly [CacheClient, CacheClient]): Promise<Trial> {
  const rows = new Rows()
  const broken = new Tally()
  const buses = clients.map((client) => createInvalidationBus({ client, heartbeat: HEARTBEAT }))
  await Promise.all(buses.map((bus) => bus.ready()))
  const [here, there] = clients.map((client, i) =>
    createAside<number, number>({
      client: withNearCache(client, { bus: buses[i]! }),
      prefix: 'near',
      ttl: '1h',
    }),
  ) as [Reads, Reads]

  const read = async (id: number): Promise<boolean> => {
    const least = rows.atLeast(id, 2 * HEARTBEAT + SLACK)
    return (await there.getOrLoad(id, () => rows.read(id))) >= least
  }
  return {
    name: 'near cache',
    broken,
    async step() {
      const id = oneOf(IDS)
      if (Math.random() < 0.1) {
        const row = rows.change(id)
        await here.invalidate(id)
        rows.acknowledge(id, row)
      } else if (!(await read(id))) broken.count('stale reads')
    },
    async settle() {
      for (const id of IDS) if (!(await read(id))) broken.count('entries that stay stale')
    },
    close: async () => void (await Promise.all(buses.map((bus) => bus.close()))),
  }
}

type Reads = ReturnType<typeof createAside<number, number>>

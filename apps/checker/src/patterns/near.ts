import { createAside } from '@cache/aside'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite } from './checked-read.js'
import type { WorkloadContext, Workload } from './workload.js'

const IDS = 8
export const HEARTBEAT = 300

/**
 * Changes rows that other processes read from near caches, where two heartbeats of lag are allowed.
 */
export async function near(context: WorkloadContext): Promise<Workload> {
  const { client, source, random } = context
  const rows = new Rows(source, 'near')
  const bus = createInvalidationBus({ client, heartbeat: HEARTBEAT })
  const cached = withNearCache(client, { bus })
  const cache = createAside<{ version: number }, number>({
    client: cached,
    prefix: 'near',
    ttl: '1h',
  })
  /** The latest version that this process wrote. It must never read an older one. */
  const own = new Map<number, number>()

  const get = async (id: number): Promise<number> => {
    const before = own.get(id) ?? 0
    const { version } = await cache.getOrLoad(id, async () => ({ version: await rows.read(id) }))
    return version < before ? -1 : version // -1 always counts as a violation.
  }
  const read = (id: number) =>
    checkedRead(context, 'near', rows, id, () => get(id), { grace: 2 * HEARTBEAT })

  return {
    async step() {
      const id = random.between(0, IDS - 1)
      if (!random.chance(0.05)) return read(id)
      const version = await checkedWrite(context, 'near', rows, id, async () => {
        const changed = await rows.change(id)
        await cache.invalidate(id)
        return changed
      })
      own.set(id, Math.max(version, own.get(id) ?? 0))
    },
    async finish() {
      for (let id = 0; id < IDS; id++) await read(id)
      context.reporter.count('near: hits', cached.near.stats().hits)
    },
    close: () => bus.close(),
  }
}

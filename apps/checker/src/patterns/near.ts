import { createAside } from '@cache/aside'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { Rows } from '../source.js'
import { checkedRead, checkedWrite } from './checked-read.js'
import type { World, Work } from './work.js'

const IDS = 8
export const HEARTBEAT = 300

/** What one process changes, others read from their near caches for two heartbeats at most. */
export async function near(world: World): Promise<Work> {
  const { client, source, random } = world
  const rows = new Rows(source, 'near')
  const bus = createInvalidationBus({ client, heartbeat: HEARTBEAT })
  const cached = withNearCache(client, { bus })
  const cache = createAside<{ version: number }, number>({
    client: cached,
    prefix: 'near',
    ttl: '1h',
  })
  /** What this process has changed itself, it never reads in an older version. */
  const own = new Map<number, number>()

  const get = async (id: number): Promise<number> => {
    const before = own.get(id) ?? 0
    const { version } = await cache.getOrLoad(id, async () => ({ version: await rows.read(id) }))
    return version < before ? -1 : version // below every floor
  }
  const read = (id: number) =>
    checkedRead(world, 'near', rows, id, () => get(id), { grace: 2 * HEARTBEAT })

  return {
    async step() {
      const id = random.between(0, IDS - 1)
      if (!random.chance(0.05)) return read(id)
      const version = await checkedWrite(world, 'near', rows, id, async () => {
        const changed = await rows.change(id)
        await cache.invalidate(id)
        return changed
      })
      own.set(id, Math.max(version, own.get(id) ?? 0))
    },
    async finish() {
      for (let id = 0; id < IDS; id++) await read(id)
      world.reporter.count('near: hits', cached.near.stats().hits)
    },
    close: () => bus.close(),
  }
}

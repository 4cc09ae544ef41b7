import { setTimeout as sleep } from 'node:timers/promises'
import { oursOnBus } from '../../near/ours.js'
import { draw } from '../../workload/access.js'
import { fallback } from '../../workload/fallback.js'
import { compositeIds } from '../../workload/ids.js'
import { product } from '../../workload/product.js'
import { inFlight, type OpenTask } from '../compared-task.js'

export const open: OpenTask = async ({ url }) => {
  const cache = await oursOnBus.open(url)
  const ids = compositeIds(1_000)
  // Reads twice, because the messages about the first loads invalidate the near cache.
  for (let i = 0; i < 2; i++) {
    await Promise.all(ids.map((id) => cache.getOrLoad(id, async () => product(id))))
    await sleep(100)
  }
  const id = draw(ids)
  return inFlight(100, () => cache.getOrLoad(id(), fallback))
}

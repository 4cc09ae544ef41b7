import { memoryDriver } from '@cache/memory'
import { asideOn } from '../../caches/aside.js'
import { draw } from '../../workload/access.js'
import { fallback } from '../../workload/fallback.js'
import { compositeIds } from '../../workload/ids.js'
import { product } from '../../workload/product.js'
import { inFlight, type OpenTask } from '../compared-task.js'

export const open: OpenTask = async () => {
  const cache = asideOn(memoryDriver({ maxBytes: '64mb' }), () => undefined)
  const ids = compositeIds(1_000)
  await Promise.all(ids.map((id) => cache.getOrLoad(id, async () => product(id))))
  const id = draw(ids)
  return inFlight(100, () => cache.getOrLoad(id(), fallback))
}

import { ioredisDriver } from '@cache/core/ioredis'
import { Cluster } from 'ioredis-6'
import { asideOn } from '../../caches/aside.js'
import { draw } from '../../workload/access.js'
import { fallback } from '../../workload/fallback.js'
import { compositeIds } from '../../workload/ids.js'
import { product } from '../../workload/product.js'
import { inFlight, type OpenTask } from '../compared-task.js'

export const open: OpenTask = async ({ cluster, prefix }) => {
  const redis = new Cluster([...cluster])
  const cache = asideOn(ioredisDriver(redis), () => redis.disconnect(), prefix)
  const ids = compositeIds(1_000)
  await Promise.all(ids.map((id) => cache.getOrLoad(id, async () => product(id))))
  const id = draw(ids)
  return inFlight(100, () => cache.getOrLoad(id(), fallback))
}

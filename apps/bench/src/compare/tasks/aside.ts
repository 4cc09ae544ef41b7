import { oursOnIoredis, oursOnNodeRedis } from '../../caches/aside.js'
import { draw } from '../../workload/access.js'
import { fallback } from '../../workload/fallback.js'
import { compositeId, compositeIds } from '../../workload/ids.js'
import { product } from '../../workload/product.js'
import { inFlight, type OpenTask } from '../compared-task.js'

export const open: OpenTask = async ({ url }, variant) => {
  const { open } = variant.includes('node-redis') ? oursOnNodeRedis : oursOnIoredis
  const cache = await open(url)
  const ids = compositeIds(1_000)
  const load = (id: string) => async () => product(id)
  if (variant.startsWith('miss')) {
    let next = 0
    return inFlight(100, () => {
      const id = compositeId(next++)
      return cache.getOrLoad(id, load(id))
    })
  }
  await Promise.all(ids.map((id) => cache.getOrLoad(id, load(id))))
  if (variant.startsWith('bulk')) {
    let next = 0
    return inFlight(1, () => {
      const start = (next++ * 100) % ids.length
      return cache.getMany!(ids.slice(start, start + 100))
    })
  }
  const id = draw(ids)
  return inFlight(variant.startsWith('one') ? 1 : 100, () => cache.getOrLoad(id(), fallback))
}

import { fixedWindow, gcra, slidingWindow } from '@cache/ratelimit'
import { ours } from '../../limits/ours.js'
import { draw } from '../../workload/access.js'
import { compositeIds } from '../../workload/ids.js'
import { inFlight, type OpenTask } from '../compared-task.js'

export const open: OpenTask = async ({ url }, variant) => {
  const policy = variant.startsWith('fixed')
    ? fixedWindow
    : variant.startsWith('exact')
      ? slidingWindow
      : gcra
  const [onIoredis, onNodeRedis] = ours(policy)
  const { open } = variant.endsWith('node-redis') ? onNodeRedis : onIoredis
  const limiter = await open(url, 1_000, 3_600)
  const id = draw(compositeIds(10_000))
  return inFlight(100, () => limiter.decide(id()))
}

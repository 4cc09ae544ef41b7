import { oursOnIoredis } from '../../locks/ours.js'
import { draw } from '../../workload/access.js'
import { compositeIds } from '../../workload/ids.js'
import { inFlight, type OpenTask } from '../compared-task.js'

export const open: OpenTask = async ({ url }, variant) => {
  const locks = await oursOnIoredis.open(url)
  const name = draw(compositeIds(10_000))
  return inFlight(variant.startsWith('one') ? 1 : 100, () =>
    locks.hold(name(), async () => undefined),
  )
}

import { oursOnIoredis, oursOnNodeRedis } from '../../queues/write-behind.js'
import { runConcurrently } from '../../measure/rounds.js'
import { compositeId } from '../../workload/ids.js'
import { product } from '../../workload/product.js'
import type { OpenTask } from '../compared-task.js'

const BULK = 500

export const open: OpenTask = async ({ url }, variant) => {
  const { open } = variant.endsWith('node-redis') ? oursOnNodeRedis : oursOnIoredis
  const queue = await open(url)
  let next = 0
  const write = () => product(compositeId(next++ % 10_000))
  const enqueueMany = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += BULK)
      await queue.enqueueMany(Array.from({ length: Math.min(BULK, count - i) }, write))
  }
  if (variant.startsWith('flush'))
    return { beforeRound: enqueueMany, round: (operations) => queue.work(operations) }
  let queued = 0
  return {
    async round(operations) {
      queued = operations
      if (variant.startsWith('bulk')) await enqueueMany(operations)
      else await runConcurrently({ run: () => queue.enqueue(write()) }, 100, operations)
    },
    afterRound: () => queue.work(queued),
  }
}

import { oursOnIoredis } from '../../queues/write-behind.js'
import { runConcurrently } from '../../measure/rounds.js'
import { compositeId } from '../../workload/ids.js'
import { product } from '../../workload/product.js'
import type { OpenTask } from '../compared-task.js'

const BULK = 500

export const open: OpenTask = async ({ url }, variant) => {
  const queue = await oursOnIoredis.open(url)
  let next = 0
  const write = () => product(compositeId(next++ % 10_000))
  let queued = 0
  return {
    async round(operations) {
      queued = operations
      if (!variant.startsWith('bulk'))
        return runConcurrently({ run: () => queue.enqueue(write()) }, 100, operations)
      for (let i = 0; i < operations; i += BULK)
        await queue.enqueueMany(Array.from({ length: BULK }, write))
    },
    afterRound: () => queue.work(queued),
  }
}

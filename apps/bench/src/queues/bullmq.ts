import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { QueueContender } from './queue.js'

/** Set up as its documentation says. Finished jobs are removed. */
export const bullmq: QueueContender = {
  name: 'bullmq',
  async open(url) {
    const connection = new Redis(url, { maxRetriesPerRequest: null })
    const queue = new Queue('writes', { connection, defaultJobOptions: { removeOnComplete: true } })
    return {
      enqueue: (product) => queue.add('write', product),
      enqueueMany: (products) =>
        queue.addBulk(products.map((product) => ({ name: 'write', data: product }))),
      async work(count) {
        const own = connection.duplicate()
        let done = 0
        let worker!: Worker
        await new Promise<void>((resolve) => {
          worker = new Worker('writes', async () => undefined, {
            connection: own,
            concurrency: 100,
          })
          worker.on('completed', () => {
            if (++done >= count) resolve()
          })
        })
        await worker.close()
        own.disconnect()
      },
      async close() {
        await queue.close()
        connection.disconnect()
      },
    }
  },
}

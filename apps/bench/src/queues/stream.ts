import { Redis } from 'ioredis-6'
import type { Product } from '../workload/product.js'
import type { QueueContender } from './queue.js'

/** The baseline: a stream with one consumer group, with XADD, XREADGROUP and XACK. */
export const bareStream: QueueContender = {
  name: 'a bare stream',
  async open(url) {
    const redis = new Redis(url)
    await redis.xgroup('CREATE', 'bare:stream', 'group', '0', 'MKSTREAM').catch(() => undefined)
    const fields = (product: Product) =>
      ['*', 'id', String(product.id), 'value', JSON.stringify(product)] as const
    return {
      enqueue: (product) => redis.xadd('bare:stream', ...fields(product)),
      async enqueueMany(products) {
        const pipeline = redis.pipeline()
        for (const product of products) pipeline.xadd('bare:stream', ...fields(product))
        for (const [error] of (await pipeline.exec())!) if (error) throw error
      },
      async work(count) {
        for (let done = 0; done < count;) {
          const [[, entries]] = (await redis.xreadgroup(
            'GROUP',
            'group',
            'one',
            'COUNT',
            500,
            'STREAMS',
            'bare:stream',
            '>',
          )) as [[string, [string, string[]][]]]
          for (const [, fields] of entries) JSON.parse(fields[3]!)
          await redis.xack('bare:stream', 'group', ...entries.map(([id]) => id))
          done += entries.length
        }
        await redis.xtrim('bare:stream', 'MAXLEN', 0)
      },
      close: async () => redis.disconnect(),
    }
  },
}

import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { childProcess } from '@cache/testkit'
import { createWriteBehindWorker } from '@cache/write-behind'
import { Redis } from 'ioredis-6'
import type { Product } from '../workload/product.js'
import type { WorkerOptions } from './repeated-writes.js'

// A worker with the default options. Its database is another Redis, which answers after it has
// stored a batch, and some time later.

const { url, database, answersAfterMs } = childProcess<WorkerOptions>().data
const rows = new Redis(database)
const worker = createWriteBehindWorker<Product, string>({
  client: createCacheClient(ioredisDriver(new Redis(url))),
  prefix: 'ours',
  ownershipTtl: '1s',
  async flush(writes) {
    const ids = writes.map(({ id }) => id)
    await rows
      .multi()
      .rpush('writes', ...ids)
      .sadd('ids', ...ids)
      .exec()
    await sleep(answersAfterMs)
  },
})
await worker.run()

import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { childProcess } from '@cache/testkit'
import { createWriteBehindWorker } from '@cache/write-behind'
import { Redis } from 'ioredis'

// A worker whose database commits every batch, but never answers.

export interface Start {
  readonly url: string
  readonly maxUnconfirmed?: number
  readonly coalesce: boolean
}

const child = childProcess<Start>()
const { url, ...options } = child.data
const client = createCacheClient(ioredisDriver(new Redis(url)))
const worker = createWriteBehindWorker<{ n: number }>({
  client,
  prefix: 'rows',
  ownershipTtl: '3s',
  ...options,
  async flush(writes) {
    await child.say({
      type: 'committed',
      writes: writes.map(({ sequence, count }) => [sequence, count]),
    })
    await new Promise(() => undefined)
  },
})
await child.say('ready')
await worker.run()

import { setImmediate } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { createVersioned } from '@cache/versioning'

/**
 * The start data of a process that reads until it is stopped. The numbers of its source only grow.
 * It reports the reads that were too old.
 */
export interface Start {
  readonly url: string
  /** The process sends a message after this many reads. */
  readonly reads: number
  readonly strategy: 'stamp' | 'key'
  readonly learnt: boolean
}

const child = childProcess<Start>()
const { url, reads: enough, strategy, learnt } = child.data
const driver =
  child.index % 2 === 0 ? ioredisDriver(new Redis(url)) : nodeRedisDriver(createClient({ url }))
const client = createCacheClient(driver, {
  namespace: 'shop',
  resilience: { readTimeout: '20s', writeTimeout: '20s' },
})
const ask = async (key: string): Promise<number> =>
  Number(await client.send({ args: ['GET', key], keys: [key] }))
const values = createVersioned<number, number>({
  client,
  prefix: 'n',
  ttl: '1h',
  strategy,
  groups: (_, value) => (learnt && value === undefined ? undefined : ['race']),
  load: async () => {
    const value = await ask('source')
    for (let i = Math.random() * 5; i > 0; i--) await setImmediate()
    return value
  },
})

let running = true
void child.next('stop', { timeout: 600_000 }).then(() => {
  running = false
})
const stale: string[] = []
let reads = 0
await values.get(0)
await child.say({ type: 'ready' })
await Promise.all(
  [0, 1, 2, 3].map(async (reader) => {
    while (running) {
      const floor = await ask('settled')
      const value = await values.get(reader % 2)
      if (++reads === enough) await child.say({ type: 'enough' })
      if (value < floor) stale.push(`${value} after ${floor}`)
    }
  }),
)
await child.say({ type: 'done', stale: stale.slice(0, 10), reads })

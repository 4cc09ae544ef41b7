import { setImmediate } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { createHierarchical } from '@cache/hierarchical'

/**
 * The start data of a process that reads until it is stopped. Its source is in Redis, where items
 * change and move. It reports the reads that were too old.
 */
export interface Start {
  readonly url: string
  /** The process sends a message after this many reads. */
  readonly reads: number
}

interface Item {
  readonly id: number
  readonly group: number
  readonly changes: number
}

const child = childProcess<Start>()
const { url, reads: enough } = child.data
const driver =
  child.index % 2 === 0 ? ioredisDriver(new Redis(url)) : nodeRedisDriver(createClient({ url }))
const client = createCacheClient(driver, {
  namespace: 'shop',
  resilience: { readTimeout: '20s', writeTimeout: '20s' },
})
const rows = async (key: string): Promise<Item[]> =>
  JSON.parse(String(await client.send({ args: ['GET', key], keys: [key] }))) as Item[]
const items = createHierarchical({
  client,
  ttl: '1h',
  maxGroupBytes: child.index === 0 ? '1mb' : 1,
  item: { prefix: 'item', id: (item: Item) => item.id },
  group: { prefix: 'group', id: (item: Item) => item.group },
  groupOf: async (id: number) => (await rows('source'))[id]!.group,
  loadGroup: async (group: number) => {
    const loaded = (await rows('source')).filter((item) => item.group === group)
    for (let i = Math.random() * 5; i > 0; i--) await setImmediate()
    return loaded
  },
})

let running = true
void child.next('stop', { timeout: 600_000 }).then(() => {
  running = false
})
const stale: string[] = []
let reads = 0
await items.get(0)
await child.say({ type: 'ready' })
await Promise.all(
  [0, 1, 2, 3].map(async (reader) => {
    while (running) {
      const settled = await rows('settled')
      const values = reader < 2 ? [await items.get(reader)] : await items.getGroup(reader - 2)
      if (++reads === enough) await child.say({ type: 'enough' })
      for (const item of values)
        if (item && item.changes < settled[item.id]!.changes)
          stale.push(`${JSON.stringify(item)} after ${JSON.stringify(settled[item.id])}`)
    }
  }),
)
await child.say({ type: 'done', stale: stale.slice(0, 10), reads })

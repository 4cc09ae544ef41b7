import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { burnCpu, childProcess, eventually } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

// Has one row in its near cache, and reads it repeatedly or right after it was busy. The row itself
// is a key in the Redis at `source`.
export interface Start {
  readonly kind: 'ioredis' | 'node-redis'
  readonly url: string
  readonly source: string
  readonly heartbeat: number
}

const child = childProcess<Start>()
const { kind, url, source, heartbeat } = child.data
const rows = new Redis(source)
const raw =
  kind === 'ioredis'
    ? new Redis(url, { retryStrategy: () => 50 })
    : createClient({ url, socket: { reconnectStrategy: 50 } })
raw.on('error', () => undefined)
const client = createCacheClient(raw instanceof Redis ? ioredisDriver(raw) : nodeRedisDriver(raw))
const bus = createInvalidationBus({ client, heartbeat })
const near = withNearCache(client, { bus })
const products = createAside<number, number>({ client: near, prefix: 'row', ttl: '1h' })
const read = (): Promise<number> => products.getOrLoad(1, async () => Number(await rows.get('row')))

await eventually(
  async () => {
    await read()
    return near.near.stats().entries === 1 && near.near.stats().answering
  },
  { within: 60_000 },
)
await child.say('warm')
for (;;) {
  const request = await child.next<{ type: 'burn' | 'close'; ms?: number }>(undefined, {
    timeout: 600_000,
  })
  if (request.type === 'burn') {
    burnCpu(request.ms!)
    // In the same turn of the event loop, before anything can be read from a socket.
    const reads = [read(), read()]
    await child.say({ type: 'read', values: await Promise.all(reads) })
  } else break
}
await bus.close()
await client.close()
if (raw instanceof Redis) raw.disconnect()
else raw.destroy()
rows.disconnect()
await child.say('closed')

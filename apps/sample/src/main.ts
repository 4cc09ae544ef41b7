import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { Redis } from 'ioredis'
import { buildApp } from './app.js'
import { memoryDatabase } from './database.js'

const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379')
// Without a listener, ioredis prints every attempt to connect while Redis is down.
redis.on('error', () => undefined)

const client = createCacheClient(ioredisDriver(redis), { namespace: 'sample' })
const database = memoryDatabase([{ id: 'chair', name: 'Chair', price: 80, stock: 3 }])
const app = await buildApp({ client, database })

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await app.close() // after the requests that are being answered
    await client.close()
    redis.disconnect()
  })

console.log(`Listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000) })}`)

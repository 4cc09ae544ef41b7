import { createCacheClient } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createWriteBehindWorker } from '@cache/write-behind'
import pg from 'pg'
import { createClient } from 'redis'
import { z } from 'zod'
import { flushToPostgres } from './flush.js'

const env = z
  .object({
    REDIS_URL: z.string().default('redis://127.0.0.1:6379'),
    DATABASE_URL: z.string(),
    LEASE_TTL_MS: z.coerce.number().positive().default(10_000),
  })
  .parse(process.env)

const pool = new pg.Pool({ connectionString: env.DATABASE_URL, max: 4 })
// An idle connection has ended. The next query opens another one.
pool.on('error', () => undefined)
const redis = createClient({
  url: env.REDIS_URL,
  socket: { reconnectStrategy: (attempt) => Math.min(attempt * 50, 500) },
})
const client = createCacheClient(nodeRedisDriver(redis), { namespace: 'shop' })
const worker = createWriteBehindWorker({
  client,
  prefix: 'activity',
  flush: flushToPostgres(pool),
  ownershipTtl: env.LEASE_TTL_MS,
})

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(signal, () => stop.abort())
console.log('The worker is running.')
process.send?.({ type: 'working' })
await worker.run({ signal: stop.signal })
await client.close()
redis.destroy()
await pool.end()
process.exit(0)

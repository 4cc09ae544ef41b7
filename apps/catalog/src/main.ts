import { z } from 'zod'
import { findPostgres } from './database.js'
import { startService } from './service.js'

const env = z
  .object({
    CACHE_CLIENT: z.enum(['ioredis', 'node-redis']).default('ioredis'),
    REDIS_URL: z.string().default('redis://127.0.0.1:6379'),
    PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
    WRITES_PER_SECOND: z.coerce.number().int().positive().default(100),
    LOAD_DELAY_MS: z.coerce.number().nonnegative().default(0),
  })
  .parse(process.env)

const database = await findPostgres()
const service = await startService({
  client: env.CACHE_CLIENT,
  redisUrl: env.REDIS_URL,
  databaseUrl: database.url,
  port: env.PORT,
  delayMs: env.LOAD_DELAY_MS,
  writesPerSecond: env.WRITES_PER_SECOND,
})
console.log(`catalog on ${env.CACHE_CLIENT}: ${service.url}`)
process.send?.({ type: 'listening', url: service.url })

async function stop(): Promise<void> {
  await service.close()
  await database.close()
  process.exit(0)
}
process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
process.once('disconnect', () => void stop())

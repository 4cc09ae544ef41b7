import { z } from 'zod'
import { startService } from './service.js'

const env = z
  .object({
    REDIS_URL: z.string().default('redis://127.0.0.1:6379'),
    DATABASE_URL: z.string(),
    PORT: z.coerce.number().int().min(0).max(65_535).default(3001),
    WRITES_PER_SECOND: z.coerce.number().int().positive().default(1_000),
    ADMIN_TOKEN: z
      .string()
      .regex(/^[\w.~+/-]{20,}=*$/)
      .optional(),
  })
  .parse(process.env)

const service = await startService({
  redisUrl: env.REDIS_URL,
  databaseUrl: env.DATABASE_URL,
  port: env.PORT,
  writesPerSecond: env.WRITES_PER_SECOND,
  adminToken: env.ADMIN_TOKEN,
})
console.log(`accounts: ${service.url}`)
process.send?.({ type: 'listening', url: service.url })

async function stop(): Promise<void> {
  await service.close()
  process.exit(0)
}
process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
process.once('disconnect', () => void stop())

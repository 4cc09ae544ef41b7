import { createCacheClient } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { serve } from '@hono/node-server'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { createClient } from 'redis'
import { createApp } from './app.js'
import { createCaches } from './caches.js'
import { limitWrites } from './limits.js'
import { seed } from './users.js'

export interface ServiceOptions {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly port: number
  /** The number of writes that one address may send per second. The default is 1,000. */
  readonly writesPerSecond?: number
  /** The token for the routes of the dead letters. Without it there are no such routes. */
  readonly adminToken?: string | undefined
}

export interface Service {
  readonly url: string
  close(): Promise<void>
}

export async function startService({
  redisUrl,
  databaseUrl,
  port,
  writesPerSecond = 1_000,
  adminToken,
}: ServiceOptions): Promise<Service> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 })
  // An idle connection has ended. The next query opens another one.
  pool.on('error', () => undefined)
  await seed(pool)
  const redis = createClient({
    url: redisUrl,
    socket: { reconnectStrategy: (attempt) => Math.min(attempt * 50, 500) },
  })
  const client = createCacheClient(nodeRedisDriver(redis), { namespace: 'shop' })
  const caches = createCaches(client, pool)
  const server = serve({
    fetch: createApp(caches, limitWrites(client, writesPerSecond), adminToken).fetch,
    port,
    hostname: '127.0.0.1',
  })
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve)
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
      await caches.close()
      await client.close()
      redis.destroy()
      await pool.end()
    },
  }
}

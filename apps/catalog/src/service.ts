import { serve } from '@hono/node-server'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import type { ResilienceOptions } from '@cache/core'
import type { AddressInfo } from 'node:net'
import { createApp } from './app.js'
import { connectCache, type ClientName } from './cache/connect.js'
import type { Connected } from './cache/connected.js'
import { createCaches } from './caches.js'
import { connectPostgres } from './database.js'
import { limitWrites } from './limits.js'
import { createProducts, seed } from './products.js'
import { countStats } from './stats.js'

export interface ServiceOptions extends ServeOptions {
  readonly client: ClientName
  readonly redisUrl: string
  /** The timeouts for Redis. The defaults are those of `@cache/core`. */
  readonly resilience?: ResilienceOptions
}

export interface ServeOptions {
  readonly databaseUrl: string
  readonly port: number
  readonly delayMs?: number
  /** The number of writes that one address may send per second. The default is 100. */
  readonly writesPerSecond?: number
}

export interface Service {
  readonly url: string
  close(): Promise<void>
}

export async function startService({
  client,
  redisUrl,
  resilience = {},
  ...options
}: ServiceOptions): Promise<Service> {
  return serveCatalog(await connectCache(client, redisUrl, resilience), options)
}

/** Starts the service on a client, which it closes in the end. */
export async function serveCatalog(
  { client, close }: Connected,
  { databaseUrl, port, delayMs = 0, writesPerSecond = 100 }: ServeOptions,
): Promise<Service> {
  const pool = connectPostgres(databaseUrl)
  await seed(pool)
  const bus = createInvalidationBus({ client })
  const near = withNearCache(client, { bus, maxEntries: 1_000, maxBytes: '16mb', ttl: '1m' })
  const app = createApp(
    createCaches(client, near, createProducts(pool, delayMs)),
    countStats(),
    limitWrites(client, writesPerSecond),
  )
  const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve)
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
      await near.close()
      await bus.close()
      await close()
      await pool.end()
    },
  }
}

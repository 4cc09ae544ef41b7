import { createCacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import type { Connected } from '../cache/connected.js'
import { findPostgres } from '../database.js'
import { serveCatalog, type Service } from '../service.js'
import { DELAY_MS, type CatalogEnvironment, type ServiceProcess } from './environment.js'
import type { Log } from './log.js'

/**
 * Starts a Postgres and the catalog twice, in this process. The two share data in memory, as two
 * processes share a Redis.
 */
export async function startMemoryEnvironment(log: Log): Promise<CatalogEnvironment> {
  const server = new MemoryServer()
  const connectOne = (): Connected => {
    const client = createCacheClient(memoryDriver({ server }), { namespace: 'shop' })
    return { client, close: async () => void (await client.close()) }
  }
  log('starting Postgres')
  const database = await findPostgres()
  const services: Service[] = []
  const startCatalog = async (name: string): Promise<ServiceProcess> => {
    log(`starting the ${name} in this process, on data in memory`)
    const service = await serveCatalog(connectOne(), {
      databaseUrl: database.url,
      port: 0,
      delayMs: DELAY_MS,
      writesPerSecond: 100_000,
    })
    services.push(service)
    return { name, url: service.url, sharesCounters: services.length > 1 }
  }
  return {
    database,
    catalogs: [await startCatalog('first catalog'), await startCatalog('second catalog')],
    connect: async () => [connectOne(), connectOne()],
    async [Symbol.asyncDispose]() {
      for (const service of services) await service.close()
      await database.close()
    },
  }
}

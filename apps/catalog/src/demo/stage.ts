import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { findPostgres, type Database } from '../database.js'

/** A catalog process of the demo. */
export interface CatalogProcess {
  readonly name: string
  readonly url: string
}

export interface Stage extends AsyncDisposable {
  readonly redis: RedisServer
  readonly database: Database
  readonly catalogs: readonly [CatalogProcess, CatalogProcess]
}

/** How long rows are on their way from the database, at most: as on a network, and long enough for races to be lost. */
export const DELAY_MS = 8

/** One Redis, one Postgres, and the catalog twice: one process on ioredis, one on node-redis. */
export async function setStage(tell: (what: string) => void): Promise<Stage> {
  tell('starting Redis')
  const redis = await startRedis()
  tell('starting Postgres')
  const database = await findPostgres()
  const groups: AsyncDisposable[] = []
  const start = async (client: string): Promise<CatalogProcess> => {
    tell(`starting the catalog on ${client}`)
    const group = spawnProcesses(new URL('../main.ts', import.meta.url), {
      env: { CACHE_CLIENT: client, REDIS_URL: redis.url, DATABASE_URL: database.url, PORT: '0', LOAD_DELAY_MS: String(DELAY_MS) },
    })
    groups.push(group)
    const { url } = await group.processes[0]!.next<{ type: 'listening'; url: string }>('listening')
    return { name: client, url }
  }
  const catalogs = [await start('ioredis'), await start('node-redis')] as const
  return {
    redis, database, catalogs,
    async [Symbol.asyncDispose]() {
      for (const group of groups) await group[Symbol.asyncDispose]()
      await database.close()
      await redis.stop()
    },
  }
}

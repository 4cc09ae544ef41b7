import {
  spawnProcesses,
  startRedis,
  type ProcessGroup,
  type RedisServer,
  type SpawnedProcess,
} from '@cache/testkit'
import { findPostgres, type Database } from '../database.js'

/** A service of the demo. */
export interface ServiceProcess {
  readonly name: string
  readonly url: string
}

export interface Stage extends AsyncDisposable {
  readonly redis: RedisServer
  readonly database: Database
  readonly catalogs: readonly [ServiceProcess, ServiceProcess]
  readonly accounts: Troupe<ServiceProcess>
  readonly workers: Troupe<object>
}

/** Processes of one kind, which may be killed and started again. */
export interface Troupe<P> {
  readonly processes: readonly P[]
  kill(index: number): Promise<void>
  start(index: number): Promise<void>
}

/**
 * How long rows are on their way from the database, at most: as on a network, and long enough for
 * races to be lost.
 */
export const DELAY_MS = 8

/**
 * One Redis, one Postgres; the catalog on ioredis and on node-redis, accounts twice, and two
 * workers.
 */
export async function setStage(tell: (what: string) => void): Promise<Stage> {
  tell('starting Redis')
  const redis = await startRedis()
  tell('starting Postgres')
  const database = await findPostgres()
  const groups: AsyncDisposable[] = []
  const start = async (client: string): Promise<ServiceProcess> => {
    tell(`starting the catalog on ${client}`)
    const group = spawnProcesses(new URL('../main.ts', import.meta.url), {
      env: {
        CACHE_CLIENT: client,
        REDIS_URL: redis.url,
        DATABASE_URL: database.url,
        PORT: '0',
        LOAD_DELAY_MS: String(DELAY_MS),
        WRITES_PER_SECOND: '100000',
      },
    })
    groups.push(group)
    const { url } = await group.processes[0]!.next<{ type: 'listening'; url: string }>('listening')
    return { name: client, url }
  }
  const catalogs = [await start('ioredis'), await start('node-redis')] as const
  const env = { REDIS_URL: redis.url, DATABASE_URL: database.url }
  tell('starting accounts twice')
  const accounts = await troupe<ServiceProcess>(
    2,
    groups,
    new URL('../../../accounts/src/main.ts', import.meta.url),
    { ...env, PORT: '0' },
    async (process) => {
      const { url } = await process.next<{ type: 'listening'; url: string }>('listening')
      return { name: 'accounts', url }
    },
  )
  tell('starting two workers')
  const workers = await troupe<object>(
    2,
    groups,
    new URL('../../../worker/src/main.ts', import.meta.url),
    { ...env, LEASE_TTL_MS: '1000' },
    (process) => process.next<object>('working'),
  )
  return {
    redis,
    database,
    catalogs,
    accounts,
    workers,
    async [Symbol.asyncDispose]() {
      for (const group of groups) await group[Symbol.asyncDispose]()
      await database.close()
      await redis.stop()
    },
  }
}

async function troupe<P>(
  count: number,
  groups: AsyncDisposable[],
  program: URL,
  env: Record<string, string>,
  ready: (process: SpawnedProcess) => Promise<P>,
): Promise<Troupe<P>> {
  const running: ProcessGroup[] = []
  const processes: P[] = []
  const start = async (index: number): Promise<void> => {
    running[index] = spawnProcesses(program, { env })
    groups.push(running[index])
    processes[index] = await ready(running[index].processes[0]!)
  }
  for (let index = 0; index < count; index++) await start(index)
  return { processes, start, kill: async (index) => running[index]!.stop() }
}

import {
  spawnProcesses,
  startRedis,
  type ProcessGroup,
  type RedisServer,
  type SpawnedProcess,
} from '@cache/testkit'
import { connectCache } from '../cache/connect.js'
import type { Connected } from '../cache/connected.js'
import { findPostgres, type Database } from '../database.js'
import type { Log } from './log.js'

/** A process of a service of the demo. */
export interface ServiceProcess {
  readonly name: string
  readonly url: string
  /** `true` if it shares its process, and so its counters, with an earlier service. */
  readonly sharesCounters?: boolean
}

/** What a scenario needs that runs without a Redis, too. */
export interface CatalogEnvironment extends AsyncDisposable {
  readonly database: Database
  readonly catalogs: readonly [ServiceProcess, ServiceProcess]
  /**
   * Connects two clients to the data of the catalogs: one of each library, where there is
   * Redis.
   */
  connect(): Promise<readonly [Connected, Connected]>
}

/** The servers and processes of the demo. */
export interface DemoEnvironment extends CatalogEnvironment {
  readonly redis: RedisServer
  readonly accounts: ProcessPool<ServiceProcess>
  readonly workers: ProcessPool<object>
}

/** Processes that run the same program. You can kill and restart each of them. */
export interface ProcessPool<P> {
  readonly processes: readonly P[]
  kill(index: number): Promise<void>
  start(index: number): Promise<void>
}

/**
 * The maximum delay of rows from the database. It simulates a network, and is long enough to expose
 * race conditions.
 */
export const DELAY_MS = 8

/**
 * Starts a Redis, a Postgres, the catalog on ioredis and on node-redis, two accounts processes and
 * two workers.
 */
export async function startEnvironment(log: Log): Promise<DemoEnvironment> {
  log('starting Redis')
  const redis = await startRedis()
  log('starting Postgres')
  const database = await findPostgres()
  const groups: AsyncDisposable[] = []
  const startCatalog = async (client: string): Promise<ServiceProcess> => {
    log(`starting the catalog on ${client}`)
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
  const catalogs = [await startCatalog('ioredis'), await startCatalog('node-redis')] as const
  const env = { REDIS_URL: redis.url, DATABASE_URL: database.url }
  log('starting two accounts processes')
  const accounts = await startPool<ServiceProcess>(
    2,
    groups,
    new URL('../../../accounts/src/main.ts', import.meta.url),
    { ...env, PORT: '0' },
    async (process) => {
      const { url } = await process.next<{ type: 'listening'; url: string }>('listening')
      return { name: 'accounts', url }
    },
  )
  log('starting two workers')
  const workers = await startPool<object>(
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
    connect: async () => [
      await connectCache('ioredis', redis.url, {}),
      await connectCache('node-redis', redis.url, {}),
    ],
    accounts,
    workers,
    async [Symbol.asyncDispose]() {
      for (const group of groups) await group[Symbol.asyncDispose]()
      await database.close()
      await redis.stop()
    },
  }
}

async function startPool<P>(
  count: number,
  groups: AsyncDisposable[],
  program: URL,
  env: Record<string, string>,
  ready: (process: SpawnedProcess) => Promise<P>,
): Promise<ProcessPool<P>> {
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

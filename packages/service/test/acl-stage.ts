import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedisCluster, startRedis, type RedisServer } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { rowOf, rulesOf } from './acl-page.js'

/** Uses a package in all its ways. */
export type Use = (client: CacheClient, clustered: boolean) => Promise<unknown>

/** The two tables of apps/docs/operate/acl.md. */
export const tables = {
  'rules by category': rulesOf('Rules by category'),
  'only the commands that are needed': rulesOf('Only the commands that are needed'),
}

/** The servers of a suite, whose user may do no more than some rules allow. */
export interface AclStage {
  readonly clustered: boolean
  /** Returns a client of a user who may do just this. */
  clientOf(rules: string): Promise<CacheClient>
  /** Returns what the servers have refused to that user. */
  refusals(): Promise<string>
}

/** The rules of a package, as a table of the page gives them. */
export function rulesFor(table: keyof typeof tables, name: string, clustered: boolean): string {
  const rows = ['every package', ...(clustered ? ['a Cluster'] : []), rowOf[name] ?? name]
  return ['~shop:*', '&shop:*', ...rows.flatMap((row) => tables[table].get(row) ?? [])].join(' ')
}

/** Runs a suite with each client library, on one server and on a Cluster. */
export function onEachAclStage(suite: (stage: AclStage) => void): void {
  const closing: (() => unknown)[] = []
  let server: RedisServer
  let primaries: readonly RedisServer[]
  beforeAll(async () => {
    server = await startRedis()
    closing.push(() => server.stop())
    const cluster = await startRedisCluster()
    primaries = cluster.primaries
    closing.push(() => cluster.stop())
  })
  afterAll(async () => {
    for (const close of closing.reverse()) await close()
  })

  describe.each(['ioredis', 'node-redis'] as const)('%s', (library) => {
    describe.each([
      ['standalone', false],
      ['cluster', true],
    ] as const)('%s', (_, clustered) => {
      const opened: (() => unknown)[] = []
      const nodes = (): readonly RedisServer[] => (clustered ? primaries : [server])
      afterEach(async () => {
        for (const close of opened.splice(0).reverse()) await close()
      })

      suite({
        clustered,
        async clientOf(rules) {
          for (const node of nodes()) {
            await node.flush()
            await node.cli('ACL', 'SETUSER', 'shop', 'reset', 'on', '>secret', ...rules.split(' '))
            // Both libraries send it if the server knows it, and go on if it is refused.
            await node.cli('ACL', 'SETUSER', 'shop', '+client|setinfo').catch(() => undefined)
            await node.cli('ACL', 'LOG', 'RESET')
          }
          const driver = await driverOf(library, nodes(), clustered, opened)
          const client = createCacheClient(driver, {
            namespace: 'shop',
            resilience: { readTimeout: '5s', writeTimeout: '5s' },
          })
          opened.push(() => client.close())
          return client
        },
        async refusals() {
          const logs = await Promise.all(nodes().map((node) => node.cli('ACL', 'LOG')))
          return logs.join('').trim()
        },
      })
    })
  })
}

/** Tests that a user who may do what the page says for a package can use it in all its ways. */
export function itIsAllowed(stage: AclStage, uses: Readonly<Record<string, Use>>): void {
  it.each(
    (Object.keys(tables) as (keyof typeof tables)[]).flatMap((table) =>
      Object.keys(uses).map((name) => [name, table] as const),
    ),
  )('%s does all that it does for a user with %s', async (name, table) => {
    const errors: unknown[] = []
    const listener = (message: unknown): void => void errors.push(message)
    subscribe('cache:error', listener)
    try {
      const client = await stage.clientOf(rulesFor(table, name, stage.clustered))
      await uses[name]!(client, stage.clustered)
    } finally {
      unsubscribe('cache:error', listener)
    }
    expect(errors).toEqual([])
    expect(await stage.refusals()).toBe('')
  })
}

async function driverOf(
  library: 'ioredis' | 'node-redis',
  nodes: readonly RedisServer[],
  clustered: boolean,
  opened: (() => unknown)[],
): Promise<Driver> {
  const [{ host, port }] = nodes as [RedisServer]
  const user = { username: 'shop', password: 'secret' }
  if (library === 'ioredis') {
    const redis = clustered
      ? new Cluster([{ host, port }], { redisOptions: user })
      : new Redis({ host, port, ...user })
    opened.push(() => redis.disconnect())
    return ioredisDriver(redis)
  }
  const redis = clustered
    ? createCluster({ rootNodes: [{ socket: { host, port } }], defaults: user })
    : createClient({ socket: { host, port }, ...user })
  await redis.on('error', () => undefined).connect()
  opened.push(() => redis.destroy())
  return nodeRedisDriver(redis as never)
}

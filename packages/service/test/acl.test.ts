import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createRateLimiter, fixedWindow } from '@cache/ratelimit'
import { startRedisCluster, startRedis, type RedisServer } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { rowOf, rulesOf } from './acl-page.js'
import { packageUses } from './package-uses.js'

const tables = {
  'rules by category': rulesOf('Rules by category'),
  'only the commands that are needed': rulesOf('Only the commands that are needed'),
}

/** The rules of a package, as a table of the page gives them. */
function rulesFor(table: keyof typeof tables, name: string, clustered: boolean): string {
  const rows = ['every package', ...(clustered ? ['a Cluster'] : []), rowOf[name] ?? name]
  return ['~shop:*', '&shop:*', ...rows.flatMap((row) => tables[table].get(row) ?? [])].join(' ')
}

const closing: (() => unknown)[] = []
let server: RedisServer
let nodes: readonly RedisServer[]

beforeAll(async () => {
  server = await startRedis()
  closing.push(() => server.stop())
  const cluster = await startRedisCluster()
  nodes = cluster.primaries
  closing.push(() => cluster.stop())
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

it('finds a row for each package that needs more, and one for every package', () => {
  expect([...tables['rules by category'].keys()].sort()).toEqual([
    'a Cluster',
    'createInvalidationBus',
    'createTrackingBus',
    'every package',
    'lock',
    'service',
  ])
  for (const row of tables['only the commands that are needed'].keys())
    if (row !== 'every package' && row !== 'a Cluster')
      expect(Object.keys(packageUses).map((name) => rowOf[name] ?? name)).toContain(row)
})

describe.each(['ioredis', 'node-redis'] as const)('%s', (library) => {
  describe.each([
    ['standalone', false],
    ['cluster', true],
  ] as const)('%s', (_, clustered) => {
    const opened: (() => unknown)[] = []
    afterEach(async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })

    /** A client of a user who may do just this. */
    async function clientOf(rules: string): Promise<CacheClient> {
      for (const node of clustered ? nodes : [server]) {
        await node.flush()
        await node.cli('ACL', 'SETUSER', 'shop', 'reset', 'on', '>secret', ...rules.split(' '))
        // Both libraries send it if the server knows it, and go on if it is refused.
        await node.cli('ACL', 'SETUSER', 'shop', '+client|setinfo').catch(() => undefined)
        await node.cli('ACL', 'LOG', 'RESET')
      }
      const driver = await driverOf(library, clustered ? nodes : [server], clustered, opened)
      const client = createCacheClient(driver, {
        namespace: 'shop',
        resilience: { readTimeout: '5s', writeTimeout: '5s' },
      })
      opened.push(() => client.close())
      return client
    }

    it.each(
      (Object.keys(tables) as (keyof typeof tables)[]).flatMap((table) =>
        Object.keys(packageUses).map((name) => [name, table] as const),
      ),
    )('%s does all that it does for a user with %s', async (name, table) => {
      const errors: unknown[] = []
      const listener = (message: unknown): void => void errors.push(message)
      subscribe('cache:error', listener)
      try {
        await packageUses[name]!(await clientOf(rulesFor(table, name, clustered)), clustered)
      } finally {
        unsubscribe('cache:error', listener)
      }
      expect(errors).toEqual([])
      for (const node of clustered ? nodes : [server])
        expect((await node.cli('ACL', 'LOG')).trim()).toBe('')
    })

    it('tells on cache:error of the first refusal, and what to allow', async () => {
      const rules = rulesFor('rules by category', 'aside', clustered)
      const client = await clientOf(rules.replaceAll('~shop:*', '~stop:*'))
      const errors: { error: Error }[] = []
      const listener = (message: unknown): void => void errors.push(message as { error: Error })
      subscribe('cache:error', listener)
      const limiter = createRateLimiter({
        client,
        prefix: 'api',
        limits: [fixedWindow({ name: 'a', limit: 9, window: '1m' })],
        deadline: '5s',
      })
      for (let i = 0; i < 3; i++)
        expect(await limiter.consume('u')).toMatchObject({ degraded: true })
      unsubscribe('cache:error', listener)
      expect(errors.map(({ error }) => error.message)).toContainEqual(
        expect.stringMatching(/NOPERM.*Allow this user the keys and channels of its namespace/),
      )
    })
  })
})

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

// Imitates what managed services restrict: see apps/docs/operate/managed.md.
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createLocks } from '@cache/lock'
import { createTrackingBus, TrackingRefusedError } from '@cache/pubsub-invalidation'
import { startRedis, startRedisCluster } from '@cache/testkit'
import { createWriteBehind } from '@cache/write-behind'
import { Cluster, Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { packageUses } from './package-uses.js'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

function clientOf(redis: Redis | Cluster): CacheClient {
  const client = createCacheClient(ioredisDriver(redis), {
    namespace: 'shop',
    resilience: { readTimeout: '5s', writeTimeout: '5s' },
  })
  opened.push(
    () => redis.disconnect(),
    () => client.close(),
  )
  return client
}

/** A server on which nobody may use some commands. */
async function restricted(commands: readonly string[], config = {}): Promise<CacheClient> {
  const server = await startRedis({ config })
  opened.push(() => server.stop())
  await server.cli('ACL', 'SETUSER', 'default', ...commands.map((name) => `-${name}`))
  return clientOf(new Redis(server.url))
}

const admin = ['config', 'script', 'debug', 'migrate', 'replicaof', 'save', 'bgsave', 'monitor']
const withoutTracking = Object.keys(packageUses).filter((name) => name !== 'createTrackingBus')

describe('without administrative commands', () => {
  it.each(Object.keys(packageUses))('%s works', async (name) => {
    await packageUses[name]!(await restricted([...admin, 'acl', 'function']), false)
  })
})

describe('without CLIENT TRACKING, XSETID and WAIT', () => {
  const commands = [...admin, 'xsetid', 'wait', 'client|tracking']

  it.each(withoutTracking)('%s works', async (name) => {
    await packageUses[name]!(await restricted(commands), false)
  })

  it('createTrackingBus says that it cannot', async () => {
    await using bus = createTrackingBus({ client: await restricted(commands) })
    await expect(bus.ready()).rejects.toBeInstanceOf(TrackingRefusedError)
  })
})

describe('without INFO', () => {
  it.each(withoutTracking)('%s works', async (name) => {
    await packageUses[name]!(await restricted(['info']), false)
  })
})

it('without SUBSCRIBE, a waiter gets a lock when it asks again', async () => {
  const client = await restricted(['subscribe'])
  await using locks = createLocks({ client })
  const lock = await locks.acquire('x')
  const next = locks.acquire('x', { wait: '10s' })
  await lock.release()
  await (await next).release()
})

it('without WAIT, write-behind refuses what replicas must confirm', async () => {
  const queue = createWriteBehind({
    client: await restricted(['wait']),
    prefix: 'users',
    ttl: '1h',
    durability: { replicas: 1 },
    load: async (_: string) => undefined as string | undefined,
  })
  await expect(queue.put('1', 'one')).rejects.toMatchObject({ name: 'DurabilityError' })
})

it('write-behind refuses a server that may evict its queue', async () => {
  const client = await restricted(admin, { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' })
  const queue = createWriteBehind({
    client,
    prefix: 'users',
    ttl: '1h',
    load: async (_: string) => undefined as string | undefined,
  })
  await expect(queue.put('1', 'one')).rejects.toMatchObject({ code: 'EVICTION' })
})

describe('on a Cluster of one node', () => {
  it.each(Object.keys(packageUses))('%s works', async (name) => {
    const cluster = await startRedisCluster({ primaries: 1 })
    opened.push(() => cluster.stop())
    await packageUses[name]!(clientOf(new Cluster([...cluster.addresses])), true)
  })
})

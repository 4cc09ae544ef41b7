import { startRedisCluster, type ClusterNode, type RedisCluster } from '@cache/testkit'
import { Cluster as Cluster6 } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { createCluster as createCluster6 } from 'redis'
import { createCluster as createCluster5 } from 'redis-5'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slot } from '../../src/client/keys.js'
import type { Command } from '../../src/drivers/command.js'
import type { Driver } from '../../src/drivers/driver.js'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../../src/drivers/node-redis/driver.js'
import { CombinedReads } from '../../src/drivers/shared/combined-reads.js'
import { ServerError, type CacheError } from '../../src/errors.js'

let cluster: RedisCluster

const KEYS = Array.from({ length: 60 }, (_, i) => `read:${i}`)
const get = (key: string): Command => ({ args: ['GET', key], keys: [key], binary: true })
const mget = (...keys: string[]): Command => ({ args: ['MGET', ...keys], keys, binary: true })

describe.each([
  ['ioredis 6', openIoredis(Cluster6)],
  ['ioredis 5', openIoredis(Cluster5 as never)],
  ['node-redis 6', openNodeRedis(createCluster6)],
  ['node-redis 5', openNodeRedis(createCluster5 as never)],
])('the reads of one write to a Cluster, on %s', (_, open) => {
  beforeAll(async () => {
    cluster = await startRedisCluster({ primaries: 3 })
  })
  afterAll(() => cluster.stop())

  it('are one command for each node', () =>
    using(async (driver) => {
      await store(driver)
      await values(driver)
      const before = await calls('get', 'evalsha')
      expect(await values(driver)).toEqual(KEYS)
      const after = await calls('get', 'evalsha')
      expect(after.evalsha! - before.evalsha!).toBe(3)
      expect(after.get! - before.get!).toBe(KEYS.length) // those of the scripts
    }))

  it('are several commands if they are too many for one', () =>
    using(async (driver) => {
      await values(driver)
      const keys = Array.from({ length: 900 }, (_, i) => `many:${i}`)
      const before = await calls('evalsha', 'get')
      expect(await all(driver, keys.map(get))).toEqual(keys.map(() => null))
      const after = await calls('evalsha', 'get')
      expect(after.evalsha! - before.evalsha!).toBe(6) // each node has more than 256 of the keys
      expect(after.get! - before.get!).toBe(900)
    }))

  it('return what GET and MGET return for absent keys, bytes and other types', () =>
    using(async (driver) => {
      await store(driver)
      const bytes = Buffer.from([0, 255, 10, 13])
      await all(driver, [{ args: ['SET', 'read:bytes', bytes], keys: ['read:bytes'] }])
      await all(driver, [{ args: ['DEL', 'read:list'], keys: ['read:list'] }])
      await all(driver, [{ args: ['RPUSH', 'read:list', 'x'], keys: ['read:list'] }])
      const reads = [
        ...KEYS.map(get),
        get('read:bytes'),
        get('read:list'),
        get('read:absent'),
        mget('{read:bytes}:none', 'read:bytes'),
        mget('read:list', '{read:list}:none'),
      ]
      expect((await all(driver, reads)).slice(KEYS.length)).toEqual([
        bytes,
        expect.objectContaining({ code: 'WRONGTYPE' }),
        null,
        [null, bytes],
        [null, null],
      ])
    }))

  it('read keys that are not text', () =>
    using(async (driver) => {
      // One of its bytes is not UTF-8.
      const key = Buffer.from('{read}:\u00ff', 'latin1')
      await all(driver, [
        { args: ['SET', key, 'bytes'], keys: [String(key)] },
        ...KEYS.map((k): Command => ({ args: ['SET', k, k], keys: [k] })),
      ])
      const read: Command = { args: ['GET', key], keys: [String(key)], binary: true }
      const replies = await all(driver, [...KEYS.map(get), read])
      expect(String(replies.at(-1))).toBe('bytes')
    }))

  it('fail for keys that the user may not read, and only for these', () =>
    using(async (driver) => {
      await store(driver)
      await values(driver)
      await setAcl('resetkeys', '~read:1*')
      try {
        const replies = await all(driver, KEYS.map(get))
        expect(replies.map((reply) => (reply as CacheError).code ?? String(reply))).toEqual(
          KEYS.map((key) => (key.startsWith('read:1') ? key : 'NOPERM')),
        )
      } finally {
        await setAcl('allkeys')
      }
    }))

  it('are sent again to a server that does not know the script', () =>
    using(async (driver) => {
      await store(driver)
      await values(driver)
      for (const node of cluster.primaries) await node.cli('SCRIPT', 'FLUSH')
      expect(await values(driver)).toEqual(KEYS)
    }))

  it('never overtake a write before them', () =>
    using(async (driver) => {
      await store(driver)
      const key = KEYS[0]!
      const write: Command = { args: ['SET', key, 'new'], keys: [key] }
      const replies = await all(driver, [write, ...KEYS.map(get)])
      expect(String(replies[1])).toBe('new')
    }))

  it('never overtake the writes of an earlier send', () =>
    using(async (driver) => {
      await store(driver)
      await values(driver)
      const writes = driver.send(
        KEYS.map((key): Command => ({ args: ['SET', key, 'new'], keys: [key] })),
        { timeout: 5_000 },
      )
      expect(await values(driver)).toEqual(KEYS.map(() => 'new'))
      await Promise.all(writes)
    }))

  it('find keys that are moving, or have moved, to another node', () =>
    using(async (driver) => {
      await store(driver)
      await values(driver)
      const moved = KEYS.filter((key) => key.endsWith('1'))
      for (const [i, key] of moved.entries()) {
        const options = { stopHalfway: i % 2 === 0 }
        const from = await ownerOf(key)
        const to = cluster.primaries.find((node) => node !== from)!
        await cluster.migrateSlot(slot(key), from, to, options)
      }
      for (let round = 0; round < 3; round++) expect(await values(driver)).toEqual(KEYS)
    }))

  it('are separate commands if the user may not run scripts', () =>
    using(async (driver) => {
      await store(driver)
      await setAcl('-eval', '-evalsha')
      try {
        expect(await values(driver)).toEqual(KEYS)
        const before = await calls('evalsha')
        expect(await values(driver)).toEqual(KEYS)
        expect(await calls('evalsha')).toEqual(before)
      } finally {
        await setAcl('+eval', '+evalsha')
      }
    }))

  async function using(test: (driver: Driver) => Promise<void>): Promise<void> {
    const { driver, close } = await open()
    try {
      await test(driver)
    } finally {
      await driver.close()
      close()
    }
  }
})

describe('combined reads', () => {
  const commands = KEYS.map(get)
  const indexes = [...commands.keys()]
  const sendTo = async (reads: CombinedReads, reply: CacheError, pending = true) => {
    const again: number[] = []
    const left = reads.send(indexes, {
      commands,
      settle: () => expect.unreachable(),
      isPending: () => pending,
      sendToNode: () => Promise.resolve(reply),
      writeAlone: (index) => again.push(index),
    })
    await new Promise(setImmediate)
    return { again, left }
  }

  it.each(['OOM', 'BUSY', 'LOADING', 'MISCONF', 'NOREPLICAS', 'READONLY', 'NOSCRIPT'])(
    'are tried again after %s',
    async (code) => {
      const reads = new CombinedReads()
      const error = ServerError.fromReply(`${code} Something passes.`, { command: 'EVALSHA' })
      for (let i = 0; i < 2; i++)
        expect(await sendTo(reads, error)).toEqual({ again: indexes, left: [] })
    },
  )

  it.each(['ERR', 'NOPERM'])('are left to the caller after %s', async (code) => {
    const reads = new CombinedReads()
    const error = ServerError.fromReply(`${code} It stays so.`, { command: 'EVALSHA' })
    expect(await sendTo(reads, error)).toEqual({ again: indexes, left: [] })
    expect(await sendTo(reads, error)).toEqual({ again: [], left: indexes })
  })

  it('are not repeated once nobody waits for them', async () => {
    const error = ServerError.fromReply('NOSCRIPT No matching script.', { command: 'EVALSHA' })
    expect(await sendTo(new CombinedReads(), error, false)).toEqual({ again: [], left: [] })
  })
})

interface Opened {
  readonly driver: Driver
  close(): void
}

function openIoredis(Cluster: typeof Cluster6) {
  return async (): Promise<Opened> => {
    const client = new Cluster([...cluster.addresses])
    return { driver: ioredisDriver(client), close: () => client.disconnect() }
  }
}

function openNodeRedis(createCluster: typeof createCluster6) {
  return async (): Promise<Opened> => {
    const rootNodes = cluster.addresses.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }))
    const client = createCluster({ rootNodes })
    client.on('error', () => undefined)
    await client.connect()
    return { driver: nodeRedisDriver(client as never), close: () => client.destroy() }
  }
}

function all(driver: Driver, commands: readonly Command[]) {
  return Promise.all(driver.send(commands, { timeout: 5_000 }))
}

async function store(driver: Driver): Promise<void> {
  await all(
    driver,
    KEYS.map((key) => ({ args: ['SET', key, key], keys: [key] })),
  )
}

async function values(driver: Driver): Promise<string[]> {
  return (await all(driver, KEYS.map(get))).map(String)
}

/** Changes what users may do on all nodes. */
function setAcl(...rules: string[]): Promise<unknown> {
  return Promise.all(
    cluster.primaries.map((node) => node.cli('ACL', 'SETUSER', 'default', ...rules)),
  )
}

async function ownerOf(key: string): Promise<ClusterNode> {
  for (const node of cluster.primaries)
    if (Number(await node.cli('CLUSTER', 'COUNTKEYSINSLOT', slot(key))) > 0) return node
  throw new Error(`No node has ${key}.`)
}

/** Returns how often all nodes together have executed commands. */
async function calls(...names: string[]): Promise<Record<string, number>> {
  const stats = await Promise.all(cluster.primaries.map((node) => node.cli('INFO', 'commandstats')))
  const count = (name: string, info: unknown): number =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(String(info))?.[1] ?? 0)
  return Object.fromEntries(
    names.map((name) => [name, stats.reduce<number>((sum, info) => sum + count(name, info), 0)]),
  )
}

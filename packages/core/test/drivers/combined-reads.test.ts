import { startRedisCluster, type ClusterNode, type RedisCluster } from '@cache/testkit'
import { Cluster as Cluster6 } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { createCluster as createCluster6 } from 'redis'
import { createCluster as createCluster5 } from 'redis-5'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slot } from '../../src/client/keys.js'
import { UNREAD, type Command } from '../../src/drivers/command.js'
import type { CommandResult, Driver } from '../../src/drivers/driver.js'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../../src/drivers/node-redis/driver.js'
import { CombinedReads, isCombined } from '../../src/drivers/shared/combined-reads.js'
import { ServerError, type CacheError } from '../../src/errors.js'
import { createCacheClient, type CacheClient } from '../../src/index.js'
import { createFormat } from '../../src/internal.js'

let cluster: RedisCluster

const KEYS = Array.from({ length: 60 }, (_, i) => `read:${i}`)
const format = createFormat<string>()

type ReadAll = (
  client: CacheClient,
  keys: readonly string[],
) => Promise<readonly ({ readonly value: string } | CacheError | undefined)[]>

/** Both ways to read: each key by itself in one tick, and all keys with one call. */
const ways: readonly (readonly [string, ReadAll])[] = [
  [
    'of one tick',
    (client, keys) =>
      Promise.all(
        keys.map((key) => client.entries.read(key, format).catch((error: CacheError) => error)),
      ),
  ],
  ['of one call', (client, keys) => client.entries.readMany(keys, format)],
]

/** Returns the values of keys, or the codes of the errors. */
async function readAll(driver: Driver, readWith: ReadAll, keys: readonly string[]) {
  const client = createCacheClient(driver, { resilience: { readTimeout: '5s' } })
  const results = await readWith(client, keys)
  return results.map((result) =>
    result instanceof Error ? (result as CacheError).code : result?.value,
  )
}

describe.each([
  ['ioredis 6', openIoredis(Cluster6)],
  ['ioredis 5', openIoredis(Cluster5 as never)],
  ['node-redis 6', openNodeRedis(createCluster6)],
  ['node-redis 5', openNodeRedis(createCluster5 as never)],
])('on a Cluster, with %s', (_, open) => {
  beforeAll(async () => {
    cluster = await startRedisCluster({ primaries: 3 })
  })
  afterAll(() => cluster.stop())

  describe.each(ways)('the reads %s', (_way, readWith) => {
    const read = (driver: Driver, keys = KEYS) => readAll(driver, readWith, keys)

    it('are one command for each node', () =>
      using(async (driver) => {
        await store(driver)
        await read(driver)
        const before = await calls('get', 'evalsha')
        expect(await read(driver)).toEqual(KEYS)
        const after = await calls('get', 'evalsha')
        expect(after.evalsha! - before.evalsha!).toBe(3)
        expect(after.get! - before.get!).toBe(KEYS.length) // those of the scripts
      }))

    it('are several commands if they are too many for one', () =>
      using(async (driver) => {
        await read(driver)
        const keys = Array.from({ length: 900 }, (_unused, i) => `many:${i}`)
        const before = await calls('evalsha', 'get')
        expect(await read(driver, keys)).toEqual(keys.map(() => undefined))
        const after = await calls('evalsha', 'get')
        expect(after.evalsha! - before.evalsha!).toBe(6) // each node has more than 256 of the keys
        expect(after.get! - before.get!).toBe(900)
      }))

    it('are repeated once, each by itself, for keys that the script does not return', () =>
      using(async (driver) => {
        const lists = Array.from({ length: 30 }, (_unused, i) => `read:list:${i}`)
        await store(driver)
        await all(
          driver,
          lists.map((key) => ({ args: ['RPUSH', key, 'x'], keys: [key] })),
        )
        await read(driver)
        const before = await calls('get', 'evalsha')
        expect(await read(driver, [...KEYS, ...lists])).toEqual([
          ...KEYS,
          ...lists.map(() => undefined),
        ])
        const after = await calls('get', 'evalsha')
        expect(after.evalsha! - before.evalsha!).toBe(3)
        expect(after.get! - before.get!).toBe(KEYS.length + 2 * lists.length)
      }))

    it('return nothing for absent keys and other types', () =>
      using(async (driver) => {
        await store(driver)
        await all(driver, [{ args: ['DEL', 'read:list'], keys: ['read:list'] }])
        await all(driver, [{ args: ['RPUSH', 'read:list', 'x'], keys: ['read:list'] }])
        expect(await read(driver, [...KEYS, 'read:list', 'read:absent'])).toEqual([
          ...KEYS,
          undefined,
          undefined,
        ])
      }))

    it('fail for keys that the user may not read, and only for these', () =>
      using(async (driver) => {
        await store(driver)
        await read(driver)
        await setAcl('resetkeys', '~read:1*')
        try {
          expect(await read(driver)).toEqual(
            KEYS.map((key) => (key.startsWith('read:1') ? key : 'NOPERM')),
          )
        } finally {
          await setAcl('allkeys')
        }
      }))

    it('are sent again to a server that does not know the script', () =>
      using(async (driver) => {
        await store(driver)
        await read(driver)
        for (const node of cluster.primaries) await node.cli('SCRIPT', 'FLUSH')
        expect(await read(driver)).toEqual(KEYS)
      }))

    it('are separate commands if the user may not run scripts', () =>
      using(async (driver) => {
        await store(driver)
        await setAcl('-eval', '-evalsha')
        try {
          expect(await read(driver)).toEqual(KEYS)
          const before = await calls('evalsha')
          expect(await read(driver)).toEqual(KEYS)
          expect(await calls('evalsha')).toEqual(before)
        } finally {
          await setAcl('+eval', '+evalsha')
        }
      }))
  })

  describe('an MGET of keys that are read together', () => {
    it('returns bytes, and what the server did not read is marked', () =>
      using(async (driver) => {
        const bytes = Buffer.from([0, 255, 10, 13])
        await store(driver)
        await all(driver, [{ args: ['SET', 'read:bytes', bytes], keys: ['read:bytes'] }])
        await all(driver, [{ args: ['DEL', 'read:list'], keys: ['read:list'] }])
        await all(driver, [{ args: ['RPUSH', 'read:list', 'x'], keys: ['read:list'] }])
        const keys = [...KEYS, 'read:bytes', 'read:list', 'read:absent']
        const replies = await readTogether(driver, keys)
        expect(keys.slice(KEYS.length).map((key) => replies.get(key))).toEqual([
          bytes,
          UNREAD,
          null,
        ])
      }))

    it('never overtakes a write before it', () =>
      using(async (driver) => {
        await store(driver)
        const key = KEYS[0]!
        const write: Command = { args: ['SET', key, 'new'], keys: [key] }
        const group = driver.groupReads!(KEYS).find((keys) => keys.includes(key))!
        const [, values] = await all(driver, [write, mget(group)])
        expect(String((values as Buffer[])[group.indexOf(key)])).toBe('new')
      }))

    it('never overtakes the writes of an earlier send', () =>
      using(async (driver) => {
        await store(driver)
        await readTogether(driver, KEYS)
        const writes = driver.send(
          KEYS.map((key): Command => ({ args: ['SET', key, 'new'], keys: [key] })),
          { timeout: 5_000 },
        )
        expect([...(await readTogether(driver, KEYS)).values()].map(String)).toEqual(
          KEYS.map(() => 'new'),
        )
        await Promise.all(writes)
      }))
  })

  it('few keys of a node are grouped by their slots', () =>
    using(async (driver) => {
      expect(driver.groupReads!(KEYS.slice(0, 2))).toEqual([[KEYS[0]], [KEYS[1]]])
      expect(driver.groupReads!(['{a}:1', '{a}:2'])).toEqual([['{a}:1', '{a}:2']])
    }))

  it('reads do not wait for another node, which is silent', () =>
    using(async (driver) => {
      await store(driver)
      await readTogether(driver, KEYS)
      const silent = await ownerOf(KEYS[0]!)
      const client = createCacheClient(driver, { resilience: { readTimeout: '10s' } })
      await silent.pause()
      const reading = KEYS.map((key) =>
        client.entries.read(key, format).catch((error: CacheError) => error),
      )
      try {
        const nodeOfFirst = driver.nodeOf!(KEYS[0]!)
        const others = KEYS.filter((key) => driver.nodeOf!(key) !== nodeOfFirst)
        expect(others.length).toBeGreaterThan(10)
        for (const [i, key] of KEYS.entries())
          if (others.includes(key)) expect(await reading[i]).toMatchObject({ value: key })
      } finally {
        await silent.resume()
        await Promise.all(reading)
      }
    }))

  it('reads of keys that have moved, or are moving, find them', () =>
    using(async (driver) => {
      await store(driver)
      for (const [, readWith] of ways) await readAll(driver, readWith, KEYS)
      const moved = KEYS.filter((key) => key.endsWith('1'))
      for (const [i, key] of moved.entries()) {
        const options = { stopHalfway: i % 2 === 0 }
        const from = await ownerOf(key)
        const to = cluster.primaries.find((node) => node !== from)!
        await cluster.migrateSlot(slot(key), from, to, options)
      }
      for (let round = 0; round < 3; round++)
        for (const [, readWith] of ways) expect(await readAll(driver, readWith, KEYS)).toEqual(KEYS)
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
  const command = mget(KEYS)
  const keysOf = (key: string): string => key
  /** Reads the keys from a server that gives this reply, and returns the scripts that it got. */
  const readFrom = async (reads: CombinedReads, reply: CommandResult, pending = true) => {
    const sent: string[] = []
    const result = await reads.read(
      command,
      () => pending,
      (script) => {
        sent.push(script.args[0])
        return Promise.resolve(reply)
      },
    )
    return { result, sent }
  }
  const unread = KEYS.map(() => UNREAD)

  it.each(['OOM', 'BUSY', 'LOADING', 'MISCONF', 'NOREPLICAS', 'READONLY'])(
    'are tried again after %s',
    async (code) => {
      const reads = new CombinedReads()
      const error = ServerError.fromReply(`${code} Something passes.`, { command: 'EVALSHA' })
      expect(await readFrom(reads, error)).toEqual({ result: unread, sent: ['EVALSHA'] })
      expect(reads.group(KEYS, () => 'node')).toEqual([KEYS])
    },
  )

  it.each(['ERR', 'NOPERM'])('are left to the caller after %s', async (code) => {
    const reads = new CombinedReads()
    const error = ServerError.fromReply(`${code} It stays so.`, { command: 'EVALSHA' })
    expect(await readFrom(reads, error)).toEqual({ result: unread, sent: ['EVALSHA'] })
    expect(reads.group(KEYS, () => 'node')).toEqual(KEYS.map((key) => [key]))
  })

  it('are not repeated once nobody waits for them', async () => {
    const error = ServerError.fromReply('NOSCRIPT No matching script.', { command: 'EVALSHA' })
    const reads = new CombinedReads()
    expect(await readFrom(reads, error)).toEqual({ result: unread, sent: ['EVALSHA', 'EVAL'] })
    expect(await readFrom(reads, error, false)).toEqual({ result: unread, sent: ['EVALSHA'] })
  })

  it('are left to the caller if the node is not connected', async () => {
    const reads = new CombinedReads()
    expect(await reads.read(command, () => true, undefined)).toEqual(unread)
  })

  it('are of keys of several slots, and only if the caller asks for it', () => {
    expect(isCombined(command)).toBe(true)
    expect(isCombined({ ...command, partial: false })).toBe(false)
    expect(isCombined(mget(['{a}:1', '{a}:2', '{a}:3']))).toBe(false)
  })

  it('are not combined if the owner of their slots is not known', () => {
    expect(new CombinedReads().group(KEYS, () => undefined)).toEqual(KEYS.map((key) => [key]))
    expect(new CombinedReads().group(KEYS, keysOf)).toEqual(KEYS.map((key) => [key]))
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
    KEYS.map((key) => ({ args: ['SET', key, JSON.stringify(key)], keys: [key] })),
  )
}

/** Reads keys as a client does, and returns the replies without another attempt. */
async function readTogether(
  driver: Driver,
  keys: readonly string[],
): Promise<Map<string, unknown>> {
  const groups = driver.groupReads!(keys)
  const replies = await all(driver, groups.map(mget))
  const values = new Map(
    groups.flatMap((group, i) =>
      group.map((key, j) => [key, (replies[i] as readonly unknown[])[j]] as const),
    ),
  )
  return new Map(keys.map((key) => [key, values.get(key)]))
}

function mget(keys: readonly string[]): Command {
  return { args: ['MGET', ...keys], keys, binary: true, partial: true }
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

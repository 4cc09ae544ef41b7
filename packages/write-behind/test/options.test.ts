import { InvalidOptionError, createCacheClient, v8, type Driver } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { memoryDriver } from '@cache/memory'
import { createSentinel } from 'redis-5'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWriteBehind, createWriteBehindWorker } from '../src/index.js'

const unexpected = (): never => {
  throw new Error('nothing should be sent')
}
const driver: Driver = {
  name: 'none',
  topology: 'standalone',
  send: unexpected,
  group: unexpected,
  dedicate: unexpected,
  subscribe: unexpected,
  nodes: unexpected,
  close: async () => undefined,
}
const client = createCacheClient(driver)

describe('createWriteBehind', () => {
  const validOptions = { client, prefix: 'rows', ttl: '1h', load: async (id: string) => ({ id }) }
  it.each<readonly [option: string, value: unknown]>([
    ['client', undefined],
    ['client', {}],
    ['prefix', ''],
    ['prefix', undefined],
    ['ttl', 0],
    ['ttl', 'never'],
    ['load', undefined],
    ['merge', {}],
    ['partitions', 0],
    ['partitions', 1.5],
    ['partitions', 5_000],
    ['maxPending', 0],
    ['onOutage', 'load'],
    ['onOutage', 'store'],
    ['maxPending', '5'],
    ['whenFull', 'drop'],
    ['durability', 2],
    ['durability.replicas', { replicas: 0 }],
    ['durability.timeout', { replicas: 1, timeout: 'soon' }],
    ['version', () => 1],
    ['codec', 'json'],
    ['patchCodec', {}],
    ['patchCodec', { encode: String, decode: String }],
    ['name', 'rows'],
    ['prefix', '{a}:rows'],
    ['prefix', 'a:{a:b}'],
  ])('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const create = (): unknown =>
      createWriteBehind({ ...validOptions, [option.split('.')[0]!]: value } as never)
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })
})

describe('a server in memory that evicts', () => {
  it('is refused, because it could lose the queue', async () => {
    const inMemory = createCacheClient(memoryDriver({ maxBytes: '1mb' }))
    const options = { prefix: 'rows', ttl: '1h', load: async () => null } as const
    const rows = createWriteBehind<{ n: number } | null, string>({ client: inMemory, ...options })
    await expect(rows.put('1', { n: 1 })).rejects.toMatchObject({ code: 'EVICTION' })
    await inMemory.close()
  })
})

describe('a prefix that another cache has', () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  beforeEach(() => emitted.mockClear())
  afterAll(() => emitted.mockRestore())

  it('causes a warning if the values look different, and none if they look alike', () => {
    const options = { client, prefix: 'shared', ttl: '1h', load: async (id: string) => id } as const
    for (let i = 0; i < 2; i++) createWriteBehind(options)
    expect(emitted).not.toHaveBeenCalled()
    createWriteBehind({ ...options, codec: v8 })
    expect(emitted.mock.calls.map(([message]) => message)).toEqual([
      expect.stringContaining('Two caches use the prefix "shared"'),
    ])
  })
})

describe('durability', () => {
  it('is refused with redis 5 and Sentinel, which cannot open a connection', () => {
    const sentinel = createSentinel({
      name: 'primary',
      sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }],
    })
    const sentinelClient = createCacheClient(nodeRedisDriver(sentinel as never))
    const create = (): unknown =>
      createWriteBehind({
        client: sentinelClient,
        prefix: 'rows',
        ttl: '1h',
        load: async () => 1,
        durability: { replicas: 1 },
      })
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow('"durability" must be unset with this Redis client')
  })
})

describe('createWriteBehindWorker', () => {
  const validOptions = { client, prefix: 'rows', flush: async () => undefined }
  it.each<readonly [option: string, value: unknown]>([
    ['client', undefined],
    ['prefix', ''],
    ['partitions', -1],
    ['flush', undefined],
    ['flush', 'sql'],
    ['batchSize', 0],
    ['batchSize', 1e9],
    ['maxUnconfirmed', 0],
    ['maxUnconfirmed', 1.5],
    ['maxUnconfirmed', '1000'],
    ['linger', -1],
    ['flushTimeout', 0],
    ['patchCodec', {}],
    ['patchCodec', { encode: String, decode: String }],
    ['prefix', '{a}:rows'],
    ['coalesce', 'yes'],
    ['retry', 3],
    ['retry.attempts', { attempts: 0 }],
    ['retry.backoff', { backoff: 'x' }],
    ['retry.factor', { factor: 0.5 }],
    ['retry.max', { max: 0 }],
    ['ownershipTtl', 0],
    ['drainTimeout', NaN],
    ['codec', {}],
    ['schema', {}],
    ['maxValueBytes', '8 apples'],
    ['concurrency', 2],
  ])('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const create = (): unknown =>
      createWriteBehindWorker({ ...validOptions, [option.split('.')[0]!]: value } as never)
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })
})

it('a namespace with a hash tag is refused as client.namespace', () => {
  const tagged = createCacheClient(driver, { namespace: '{shop}' })
  for (const create of [
    () =>
      createWriteBehind({
        client: tagged,
        prefix: 'rows',
        ttl: '1h',
        load: async (_id: string) => 1,
      }),
    () => createWriteBehindWorker({ client: tagged, prefix: 'rows', flush: async () => undefined }),
  ]) {
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow('"client.namespace"')
  }
})

it('run rejects while the worker is running', async () => {
  const worker = createWriteBehindWorker({ client, prefix: 'rows', flush: async () => undefined })
  const stop = new AbortController()
  const first = worker.run({ signal: stop.signal }).catch(() => undefined)
  await expect(worker.run()).rejects.toMatchObject({ code: 'USAGE' })
  stop.abort()
  await first
})

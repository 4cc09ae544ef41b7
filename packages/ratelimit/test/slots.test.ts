import { setTimeout as sleep } from 'node:timers/promises'
import { startRedisCluster, startProxy, startRedis } from '@cache/testkit'
import { CacheError, CommandTimeoutError, ConnectionError, createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Cluster, Redis } from 'ioredis'
import { createCluster } from 'redis'
import { describe, expect, it, vi } from 'vitest'
import {
  SlotLostError,
  concurrency,
  createRateLimiter,
  slidingWindow,
  type Decision,
} from '../src/index.js'
import { mayHaveRun } from '../src/errors.js'
import { onEveryServer } from './matrix.js'

onEveryServer(({ newClient, keys }) => {
  const make = (limit: number, ttl: number, client = newClient()) =>
    createRateLimiter({
      client,
      prefix: 'slots',
      limits: [concurrency({ name: 'running', limit, ttl })],
      deadline: '10s',
      onOutage: 'deny',
    })

  it('never admits more requests at once than the limit', async () => {
    const limiters = [make(3, 10_000), make(3, 10_000)]
    let holders = 0
    let maxHolders = 0
    let admitted = 0
    await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        for (let round = 0; round < 12; round++) {
          await using decision = await limiters[i % 2]!.consume('u')
          if (!decision.allowed) {
            await sleep(2)
            continue
          }
          maxHolders = Math.max(maxHolders, ++holders)
          admitted++
          await sleep(Math.random() * 3)
          holders--
        }
      }),
    )
    expect(maxHolders).toBe(3)
    expect(admitted).toBeGreaterThan(20)
    expect((await limiters[0]!.peek('u')).remaining).toBe(3)
  })

  it('holds a slot whose ttl is longer than any timer of Node.js', async () => {
    const held = await make(1, 40 * 86_400_000).consume('u')
    await sleep(50)
    expect(held.signal.aborted).toBe(false)
    await held.release()
  })

  it('renews a slot as long as it is held', async () => {
    const limiter = make(1, 1_000)
    const held = await limiter.consume('u')
    const until = performance.now() + 2_200
    while (performance.now() < until) {
      expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      await sleep(20)
    }
    expect(held.signal.aborted).toBe(false)
    await held.release()
    await using next = await limiter.consume('u')
    expect(next.allowed).toBe(true)
  })

  it('aborts the signal of a slot whose key was deleted', async () => {
    const client = newClient()
    const limiter = make(1, 300, client)
    const held = await limiter.consume('u')
    const [key] = await keys()
    await client.send({ args: ['DEL', key!], keys: [key!] })
    await vi.waitFor(() => expect(held.signal.aborted).toBe(true), { timeout: 5_000 })
    expect(held.signal.reason).toBeInstanceOf(SlotLostError)
    expect(held.signal.reason).toMatchObject({ code: 'SLOT_LOST', key })
    await held.release()
  })

  it('holds a slot for its own ttl although another process has a shorter one', async () => {
    const client = newClient()
    const [longTtl, shortTtl] = [make(1, 600_000, client), make(1, 500, client)]
    await using held = await longTtl.consume('u')
    for (let i = 0; i < 2; i++) {
      expect(await shortTtl.peek('u')).toMatchObject({ allowed: false })
      expect(await shortTtl.consume('u')).toMatchObject({ allowed: false })
      await sleep(800)
    }
    expect(held.signal.aborted).toBe(false)
    expect((await shortTtl.peek('u')).retryAfter).toBeGreaterThan(500_000)
  })

  it('takes a slot and tokens together, or neither', async () => {
    const limiter = createRateLimiter({
      client: newClient(),
      prefix: 'both',
      deadline: '10s',
      denyCache: false,
      limits: [
        concurrency({ name: 'running', limit: 2, ttl: '10s' }),
        slidingWindow({ name: 'minute', limit: 3, window: '1m' }),
      ],
    })
    const first = await limiter.consume('u')
    const second = await limiter.consume('u')
    expect(await limiter.consume('u')).toMatchObject({
      allowed: false,
      violated: ['running'],
      limits: [{ remaining: 0 }, { remaining: 1 }],
    })
    await first.release()
    const third = await limiter.consume('u')
    expect(third.allowed).toBe(true)
    await second.release()
    expect(await limiter.consume('u')).toMatchObject({
      allowed: false,
      violated: ['minute'],
      limits: [{ remaining: 1 }, { remaining: 0 }],
    })
    await limiter.reset('u')
    // A reset leaves slots with their holders.
    expect((await limiter.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([1, 3])
    expect(await limiter.refund(third)).toBe(false)
    await third.release()
    await expect(limiter.reserve('u')).rejects.toThrow('concurrency')
  })
})

it.each(['CIRCUIT_OPEN', 'OVERLOADED', 'CLOSED', 'NOT_SENT'])(
  'a command that was never sent has not run: %s',
  (code) => {
    expect(
      [
        new CacheError('', { code }),
        new ConnectionError('', { code }),
        new CommandTimeoutError('', { code }),
      ].map(mayHaveRun),
    ).toEqual([false, false, false])
    expect([new ConnectionError(''), new CommandTimeoutError('')].map(mayHaveRun)).toEqual([
      true,
      true,
    ])
  },
)

describe.each(['ioredis', 'node-redis'])('on a Cluster, with %s', (name) => {
  it('counts slots while their Cluster slot moves', async () => {
    await using cluster = await startRedisCluster({ primaries: 2 })
    const [host, port] = [cluster.primaries[0]!.host, cluster.primaries[0]!.port]
    const redis =
      name === 'ioredis'
        ? new Cluster([{ host, port }])
        : createCluster({ rootNodes: [{ url: `redis://${host}:${port}` }] })
    const client = createCacheClient(
      redis instanceof Cluster ? ioredisDriver(redis) : nodeRedisDriver(redis),
    )
    const limiter = createRateLimiter({
      client,
      prefix: 'moves',
      limits: [concurrency({ name: 'a', limit: 1, ttl: '1m' })],
      deadline: '10s',
      onOutage: 'allow',
    })
    const held = await limiter.consume('u')
    const slot = Number(await cluster.primaries[0]!.cli('CLUSTER', 'KEYSLOT', 'moves:u'))
    const owned = await Promise.all(
      cluster.primaries.map((node) => node.cli('CLUSTER', 'COUNTKEYSINSLOT', slot)),
    )
    const [from, to] =
      owned[0] === '0'
        ? [cluster.primaries[1]!, cluster.primaries[0]!]
        : [cluster.primaries[0]!, cluster.primaries[1]!]
    for (const moving of [() => false, () => true]) {
      await cluster.migrateSlot(slot, from, to, { stopHalfway: true, moving })
      expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: false })
    }
    await held.release()
    const next = await limiter.consume('u')
    expect(next).toMatchObject({ allowed: true, degraded: false })
    await cluster.migrateSlot(slot, from, to)
    expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: false })
    await next.release()
    await client.close()
    if (redis instanceof Cluster) redis.disconnect()
    else redis.destroy()
  }, 60_000)
})

it('a holder without Redis learns that its slot is lost before another gets it', async () => {
  await using server = await startRedis()
  await using proxy = await startProxy(server)
  const [direct, proxied] = [
    new Redis(server.url),
    new Redis(proxy.url, { retryStrategy: () => 50 }),
  ]
  const clients = [direct, proxied].map((redis) => createCacheClient(ioredisDriver(redis)))
  const [connected, cutOff] = clients.map((client) =>
    createRateLimiter({
      client,
      prefix: 'cut',
      limits: [concurrency({ name: 'a', limit: 1, ttl: 300 })],
      deadline: '10s',
      onOutage: 'deny',
    }),
  )
  for (let round = 0; round < 5; round++) {
    await proxy.pass()
    let held: Decision | undefined
    await vi.waitFor(
      async () => {
        held = await cutOff!.consume('u')
        expect(held.allowed).toBe(true)
      },
      { timeout: 10_000, interval: 20 },
    )
    await sleep(Math.random() * 300)
    proxy.swallow(round % 2 === 0 ? 'replies' : 'requests')
    for (;;) {
      const next = await connected!.consume('u')
      if (!next.allowed) {
        await sleep(1)
        continue
      }
      expect(held!.signal.aborted).toBe(true)
      await next.release()
      break
    }
  }
  await Promise.all(clients.map((client) => client.close()))
  direct.disconnect()
  proxied.disconnect()
})

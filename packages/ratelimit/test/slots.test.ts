import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster, startProxy, startRedis } from '@cache/testkit'
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

  it('never lets more in at once than the limit, whoever comes and goes', async () => {
    const limiters = [make(3, 10_000), make(3, 10_000)]
    let inside = 0
    let most = 0
    let entered = 0
    await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        for (let round = 0; round < 12; round++) {
          await using decision = await limiters[i % 2]!.consume('u')
          if (!decision.allowed) {
            await sleep(2)
            continue
          }
          most = Math.max(most, ++inside)
          entered++
          await sleep(Math.random() * 3)
          inside--
        }
      }),
    )
    expect(most).toBe(3)
    expect(entered).toBeGreaterThan(20)
    expect((await limiters[0]!.peek('u')).remaining).toBe(3)
  })

  it('a slot is renewed for as long as it is held', async () => {
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

  it('a slot that was ended by somebody else is lost, and its holder hears of it', async () => {
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

  it('a slot is held for its own ttl, also where another process has a shorter one', async () => {
    const client = newClient()
    const [before, after] = [make(1, 600_000, client), make(1, 500, client)]
    await using held = await before.consume('u')
    for (let i = 0; i < 2; i++) {
      expect(await after.peek('u')).toMatchObject({ allowed: false })
      expect(await after.consume('u')).toMatchObject({ allowed: false })
      await sleep(800)
    }
    expect(held.signal.aborted).toBe(false)
    expect((await after.peek('u')).retryAfter).toBeGreaterThan(500_000)
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
    // who holds a slot keeps it
    expect((await limiter.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([1, 3])
    expect(await limiter.refund(third)).toBe(false)
    await third.release()
    await expect(limiter.reserve('u')).rejects.toThrow('concurrency')
  })
})

it.each(['CIRCUIT_OPEN', 'OVERLOADED', 'CLOSED', 'NOT_SENT'])(
  'what was never sent has not run: %s',
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
  it('slots are counted while their Cluster slot moves', async () => {
    await using cluster = await startCluster({ primaries: 2 })
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

it('a holder cut off from Redis knows that its slot is lost before another gets it', async () => {
  await using server = await startRedis()
  await using proxy = await startProxy(server)
  const [near, far] = [new Redis(server.url), new Redis(proxy.url, { retryStrategy: () => 50 })]
  const clients = [near, far].map((redis) => createCacheClient(ioredisDriver(redis)))
  const [others, cutOff] = clients.map((client) =>
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
      const next = await others!.consume('u')
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
  near.disconnect()
  far.disconnect()
})

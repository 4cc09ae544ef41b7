import { setTimeout as sleep } from 'node:timers/promises'
import {
  eventually,
  startRedisCluster,
  startProxy,
  startRedis,
  startRedisSentinel,
  type RedisServer,
} from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CacheError, type Driver, type SubscribeOptions } from '../../src/index.js'
import { flavours, recovered } from './clients.js'

const HEARTBEAT = 300
/**
 * More than a third of the time for confirming a subscription (1 s): a connection takes three round
 * trips or more.
 */
const SLOW = 450

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

async function listen(driver: Driver, options: SubscribeOptions = {}) {
  const events: string[] = []
  const subscription = await driver.subscribe(
    ['c'],
    {
      message: (_, payload) => events.push(payload),
      gap: () => events.push('gap'),
      live: () => events.push('live'),
    },
    options,
  )
  return { events, close: () => subscription.close() }
}

/** Returns the number of connections of a server that have subscribed to anything. */
async function subscribed(...servers: readonly RedisServer[]): Promise<number> {
  const lists = await Promise.all(servers.map((one) => one.cli('CLIENT', 'LIST')))
  return lists
    .join('\n')
    .split('\n')
    .filter((line) => / s?sub=[1-9]/.test(line)).length
}

describe.each(flavours)('over $name', ({ standalone, cluster, sentinel }) => {
  it('attempts that a slow server confirms too late leave no connection behind', async () => {
    await using proxy = await startProxy(server)
    await using made = standalone(proxy.url, { timeout: 300 })
    const heard = await listen(made.driver)
    proxy.delay(170) // a subscription takes two of these delays or more
    proxy.drop()
    await eventually(() => heard.events.includes('gap'))
    await sleep(4_000) // enough attempts that some are confirmed in the pause before the next one
    await proxy.pass()
    await eventually(() => heard.events.at(-1) === 'live', { within: 15_000 })
    await eventually(async () => (await subscribed(server)) === 1)
    await heard.close()
    await eventually(async () => (await subscribed(server)) === 0)
  })

  it('closing the subscription or the driver during an attempt ends it', async () => {
    for (const close of ['subscription', 'driver'] as const) {
      await using proxy = await startProxy(server)
      await using made = standalone(proxy.url)
      const heard = await listen(made.driver, { heartbeat: HEARTBEAT })
      proxy.delay(SLOW)
      proxy.drop()
      await eventually(() => heard.events.includes('gap'))
      await sleep(SLOW / 2)
      await (close === 'driver' ? made.driver : heard).close()
      await proxy.pass()
      await sleep(4 * SLOW)
      expect(await subscribed(server)).toBe(0)
      expect(heard.events).toEqual(['gap'])
    }
  })

  it('closing the driver during the first attempt leaves no connection', async () => {
    await using proxy = await startProxy(server)
    await using made = standalone(proxy.url)
    await recovered(made.driver)
    const before = proxy.connections
    proxy.delay(SLOW)
    const subscribing = listen(made.driver).catch((error: unknown) => error)
    await eventually(() => proxy.connections > before)
    const began = performance.now()
    await made.driver.close()
    expect(await subscribing).toBeInstanceOf(CacheError)
    expect(performance.now() - began).toBeLessThan(SLOW)
    await eventually(() => proxy.connections === before)
    await proxy.pass()
    await sleep(2 * SLOW)
    expect(await subscribed(server)).toBe(0)
    await expect(listen(made.driver)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it.each([
    ['that does not answer', 'replies'],
    ['that receives nothing', 'both'],
  ] as const)(
    'subscribing to a server %s rejects in time, and leaves no connection',
    async (_, direction) => {
      await using proxy = await startProxy(server)
      await using made = standalone(proxy.url)
      await recovered(made.driver)
      const before = proxy.connections
      proxy.swallow(direction)
      await expect(listen(made.driver)).rejects.toThrow('Could not subscribe')
      await eventually(() => proxy.connections <= before)
      await proxy.pass()
      await sleep(SLOW)
      expect(await subscribed(server)).toBe(0)
    },
  )

  it('on a Cluster: a silent primary leaves no subscriptions at the others', async () => {
    await using redis = await startRedisCluster()
    await using made = cluster(redis.addresses)
    await recovered(made.driver)
    const [silent, ...others] = redis.primaries
    await silent!.pause()
    try {
      await expect(
        listen(made.driver, { everyPrimary: true, heartbeat: HEARTBEAT }),
      ).rejects.toBeInstanceOf(CacheError)
      await eventually(async () => (await subscribed(...others)) === 0)
    } finally {
      await silent!.resume()
    }
    await sleep(SLOW)
    expect(await subscribed(...redis.primaries)).toBe(0)
    const heard = await eventually(
      () => listen(made.driver, { everyPrimary: true, heartbeat: HEARTBEAT }),
      { within: 10_000 },
    )
    await silent!.pause()
    await eventually(() => heard.events.includes('gap'), { within: 10_000 })
    await heard.close()
    await silent!.resume()
    await sleep(SLOW)
    await eventually(async () => (await subscribed(...redis.primaries)) === 0)
  }, 60_000)

  it('on Sentinel: closed while its server is silent, it receives nothing more', async () => {
    await using redis = await startRedisSentinel({ replicas: 0, sentinels: 1 })
    await using made = sentinel(redis)
    await recovered(made.driver)
    const heard = await listen(made.driver, { heartbeat: HEARTBEAT })
    await redis.primary.pause()
    await eventually(() => heard.events.includes('gap'), { within: 10_000 })
    await sleep(2 * HEARTBEAT)
    await heard.close()
    await redis.primary.resume()
    await sleep(2 * HEARTBEAT)
    await eventually(
      async () => (await redis.primary.cli('PUBSUB', 'NUMSUB', 'c')).trim().endsWith('0'),
      { within: 10_000 },
    )
    expect((await redis.primary.cli('PUBSUB', 'CHANNELS', 'c*')).trim()).toBe('')
  }, 60_000)

  it('many subscriptions of one driver cause no warning of Node.js', async () => {
    await using redis = await startRedisSentinel({ replicas: 0, sentinels: 1 })
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    for (const made of [standalone(server.url), sentinel(redis)]) {
      await recovered(made.driver)
      const all = await Promise.all(
        Array.from({ length: 15 }, () => listen(made.driver, { heartbeat: HEARTBEAT })),
      )
      await sleep(2 * HEARTBEAT)
      await Promise.all(all.map((one) => one.close()))
      await made[Symbol.asyncDispose]()
    }
    await sleep(1)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  }, 60_000)
})

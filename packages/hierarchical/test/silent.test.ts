import { createCacheClient, type Command, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, sendAfter } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { expect, it } from 'vitest'
import { Shop, productsOf } from './cases.js'

const drivers: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

const READ_TIMEOUT = 1_000

it.each(Object.keys(drivers))('a read waits for a silent Redis once, over %s', async (name) => {
  await using server = await startRedis()
  const { driver, end } = drivers[name]!(server.url)
  const client = createCacheClient(driver, {
    resilience: {
      readTimeout: READ_TIMEOUT,
      writeTimeout: READ_TIMEOUT,
      breaker: { failures: 1_000 },
    },
  })
  const shop = new Shop()
  await productsOf(client, shop).get(1)
  for (const [read, right] of [
    [(products: ReturnType<typeof productsOf>) => products.get(7), shop.row(7)],
    [(products: ReturnType<typeof productsOf>) => products.getGroup(7), shop.of(7)],
    [
      (products: ReturnType<typeof productsOf>) => products.getMany([7, 8]),
      [shop.row(7), shop.row(8)],
    ],
  ] as const) {
    await server.pause()
    const started = performance.now()
    expect(await read(productsOf(client, shop))).toEqual(right)
    expect(performance.now() - started).toBeLessThan(2 * READ_TIMEOUT)
    await server.resume()
    await expect
      .poll(() => client.send({ args: ['ECHO', 'on'], keys: [] }).catch(() => 'silent'), {
        timeout: 10_000,
      })
      .toBe('on')
  }
  await client.close()
  end()
})

/** A driver that calls back before it sends such a command. */
function before(
  { send, ...driver }: Driver,
  isMeant: (command: Command) => boolean,
  call: () => Promise<unknown>,
): Driver {
  return {
    ...driver,
    send: (commands, options) =>
      commands.some(isMeant)
        ? sendAfter(call(), commands, () => send(commands, options))
        : send(commands, options),
  }
}

it.each(
  Object.keys(drivers).flatMap((name) =>
    ['HGETALL', 'HMGET', 'EVALSHA'].map((command) => [command, name] as const),
  ),
)(
  'a read of a large group waits once for a Redis that is silent from its %s on, over %s',
  async (command, name) => {
    await using server = await startRedis()
    const { driver, end } = drivers[name]!(server.url)
    let silent = false
    const pausing = before(
      driver,
      ({ args }) =>
        !silent &&
        args[0] === command &&
        (command !== 'EVALSHA' || args.some((arg) => String(arg).includes(':parts:'))),
      async () => {
        silent = true
        await server.pause()
      },
    )
    const shop = new Shop()
    const resilience = {
      readTimeout: READ_TIMEOUT,
      writeTimeout: 5 * READ_TIMEOUT,
      breaker: { failures: 1_000 },
    }
    const [client, quiet] = [
      createCacheClient(pausing, { resilience }),
      createCacheClient(driver, { resilience }),
    ]
    const warm = productsOf(quiet, shop, { maxGroupBytes: 1 })
    await warm.get(1)
    if (command !== 'EVALSHA') await warm.getGroup(7)
    const products = productsOf(client, shop, { maxGroupBytes: 1 })
    const started = performance.now()
    if (command === 'HGETALL') expect(await products.getGroup(7)).toEqual(shop.of(7))
    else expect(await products.get(7)).toEqual(shop.row(7))
    expect(performance.now() - started).toBeLessThan(2 * READ_TIMEOUT)
    expect(silent).toBe(true)
    await server.resume()
    await quiet.close()
    end()
  },
)

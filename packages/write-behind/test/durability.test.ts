import { createCacheClient, type CacheClient, type Command, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedisSentinel, type RedisSentinel, type RedisServer, sendAfter } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWriteBehind } from '../src/index.js'

/** Returns a driver whose dedicated connections call `beforeWait` before they send WAIT. */
function withBeforeWait(driver: Driver, beforeWait: () => Promise<void>): Driver {
  const hasWait = (commands: readonly Command[]): boolean =>
    commands.some(({ args: [name] }) => name === 'WAIT')
  return {
    ...driver,
    async dedicate() {
      const connection = await driver.dedicate()
      return {
        send(commands, options) {
          const send = () => connection.send(commands, options)
          return hasWait(commands) ? sendAfter(beforeWait(), commands, send) : send()
        },
        close: () => connection.close(),
      }
    },
  }
}

describe.each([
  ['ioredis', (url: string) => ioredisDriver(new Redis(url))],
  ['node-redis', (url: string) => nodeRedisDriver(createClient({ url }))],
] as const)('durability, on %s', (_, driverOf) => {
  let redis: RedisSentinel
  let primary: RedisServer
  let replica: RedisServer
  const clients: CacheClient[] = []
  beforeAll(async () => {
    redis = await startRedisSentinel({ replicas: 1, sentinels: 1, downAfter: 60_000 })
    primary = redis.primary
    ;[replica] = redis.replicas as [RedisServer]
  })
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await redis.stop()
  })
  const rowsOf = (prefix: string, driver: Driver, timeout: '300ms' | '5s') => {
    const client = createCacheClient(driver, {
      resilience: { readTimeout: '5s', writeTimeout: '5s' },
    })
    clients.push(client)
    return createWriteBehind<number | null, string, number>({
      client,
      prefix,
      ttl: '1h',
      load: async () => null,
      durability: { replicas: 1, timeout },
    })
  }

  it('a write is acknowledged only if a replica has it', async () => {
    const rows = rowsOf('plain', driverOf(primary.url), '5s')
    const impatient = rowsOf('plain', driverOf(primary.url), '300ms')
    await rows.put('1', 1)
    await replica.pause()
    await expect(impatient.put('1', 2)).rejects.toMatchObject({
      name: 'DurabilityError',
      stored: true,
    })
    await replica.resume()
    await rows.put('1', 3)
    await Promise.all([rows.close(), impatient.close()])
  })

  it('a connection that was opened after the write does not acknowledge it', async () => {
    const rows = rowsOf(
      'replaced',
      withBeforeWait(driverOf(primary.url), async () => {
        await primary.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      }),
      '300ms',
    )
    await replica.pause()
    for (let i = 0; i < 3; i++)
      await expect(rows.put('1', i)).rejects.toMatchObject({ name: 'DurabilityError' })
    await replica.resume()
    await rows.close()
  })

  it('a server that does not have the write does not acknowledge it', async () => {
    const rows = rowsOf(
      'lost',
      withBeforeWait(driverOf(primary.url), async () => {
        await primary.flush()
      }),
      '300ms',
    )
    await expect(rows.put('1', 1)).rejects.toMatchObject({ name: 'DurabilityError' })
    await rows.close()
  })
})

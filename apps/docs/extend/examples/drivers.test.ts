import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { runDriverTests } from '@cache/core/driver-tests'
import { createLocks } from '@cache/lock'
import { memoryDriver } from '@cache/memory'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slowLogDriver } from './slow-log-driver.js'
import { CommandConnection } from './tcp-driver/command-connection.js'
import { tcpDriver } from './tcp-driver/tcp-driver.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const makeDriver = () => tcpDriver({ host: server.host, port: server.port })

describe('tcpDriver', () => {
  runDriverTests(makeDriver, { describe, it })

  it('runs patterns: a near cache on a bus, and a lock that wakes its next holder', async () => {
    const client = createCacheClient(makeDriver(), { namespace: 'tcp' })
    const bus = createInvalidationBus({ client, heartbeat: '200ms' })
    await bus.ready()
    const near = withNearCache(client, { bus, ttl: '30s' })
    const products = createAside<string, number>({ client: near, prefix: 'product', ttl: '1h' })
    expect(await products.getOrLoad(1, () => 'loaded')).toBe('loaded')
    await products.invalidate(1)
    expect(await products.getOrLoad(1, () => 'again')).toBe('again')

    const locks = createLocks({ client })
    const lock = await locks.acquire('x')
    const next = locks.acquire('x')
    await lock.release()
    await (await next).release()
    await client.close()
  })

  it('fails at once where no server listens, and works when it is back', async () => {
    const mine = await startRedis()
    const driver = tcpDriver({ host: mine.host, port: mine.port })
    const ping = () => driver.send([{ args: ['PING'], keys: [] }])[0]!
    expect(await ping()).toBe('PONG')
    await mine.kill()
    await expect.poll(ping).toMatchObject({ code: 'CONNECTION' })
    await mine.restart()
    await expect.poll(ping).toBe('PONG')
    await driver.close()
    await mine.stop()
  })

  it('does not send a command that timed out while it waited for a connection', async () => {
    let answerLookup = (): void => undefined
    const connection = new CommandConnection({
      host: 'redis.test',
      port: server.port,
      lookup: (_host, _options, callback) => {
        answerLookup = () => callback(null, [{ address: server.host, family: 4 }])
      },
    })
    const send = (...args: [string, ...string[]]) =>
      connection.send([{ args, keys: [] }], { timeout: 5 })[0]!
    expect(await send('SET', 'late', 'x')).toMatchObject({ code: 'TIMEOUT' })
    answerLookup()
    await expect.poll(() => send('PING')).toBe('PONG')
    expect((await server.cli('EXISTS', 'late')).trim()).toBe('0')
    await connection.close()
  })
})

describe('slowLogDriver', () => {
  runDriverTests(() => slowLogDriver(memoryDriver(), { slowerThan: 1e6, report: () => {} }), {
    describe,
    it,
  })

  it('reports slow commands by their names', async () => {
    const slow: string[] = []
    const inner = memoryDriver()
    const driver = slowLogDriver(inner, { slowerThan: 20, report: (name) => slow.push(name) })
    await driver.send([{ args: ['PING'], keys: [] }])[0]
    inner.faults.slow = 50
    await driver.send([{ args: ['ECHO', 'x'], keys: [] }])[0]
    expect(slow).toContain('ECHO')
    await driver.close()
  })
})

import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually, startProxy, startRedis, type RedisServer, type TcpProxy } from '../src/index.js'

describe('startProxy', () => {
  let redis: RedisServer
  let proxy: TcpProxy
  let client: Redis
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(async () => {
    await redis.flush()
    proxy = await startProxy(redis)
    client = connectTo(proxy)
    await client.ping()
  })
  afterEach(async () => {
    client.disconnect()
    await proxy.close()
  })

  const connectTo = ({ port }: { port: number }) => {
    const connection = new Redis(port, { retryStrategy: () => null, maxRetriesPerRequest: 0, protocol: 2, disableClientInfo: true })
    return connection.on('error', () => undefined)
  }
  const closed = (connection: Redis) => eventually(() => connection.status === 'end')
  const value = () => redis.cli('GET', 'key')

  it('carries what is said both ways', async () => {
    const text = 'x'.repeat(1_000_000)
    await client.set('key', text)
    expect(await client.get('key')).toBe(text)
    expect(proxy.connections).toBe(1)
  })

  it('once dropped a connection is closed, and a new one is welcome', async () => {
    proxy.drop()
    await closed(client)
    const next = connectTo(proxy)
    expect(await next.ping()).toBe('PONG')
    next.disconnect()
    await eventually(() => proxy.connections === 0)
  })

  it('once cut it refuses connections until it passes again, on the same port', async () => {
    await proxy.cut()
    await closed(client)
    const refused = connectTo(proxy)
    const errors: Error[] = []
    refused.on('error', (error: Error) => errors.push(error))
    await closed(refused)
    expect(errors[0]?.message).toContain('ECONNREFUSED')
    await proxy.pass()
    const next = connectTo(proxy)
    expect(await next.ping()).toBe('PONG')
    next.disconnect()
  })

  it('swallowed replies: the command was done, and nobody was told', async () => {
    proxy.swallow('replies')
    const reply = client.set('key', 'value').catch((error: Error) => error)
    await eventually(() => proxy.swallowed > 0)
    expect(await value()).toBe('value')
    expect(client.status).toBe('ready')
    await proxy.pass()
    expect(await reply).toBeInstanceOf(Error)
  })

  it('swallowed requests: the command never arrives, and the connection stays open', async () => {
    proxy.swallow('requests')
    const reply = client.set('key', 'value').catch((error: Error) => error)
    await eventually(() => proxy.swallowed > 0)
    const before = proxy.swallowed
    const newcomer = connectTo(proxy)
    await eventually(() => proxy.swallowed > before)
    expect([client.status, newcomer.status, await value()]).toEqual(['ready', 'connect', ''])
    await proxy.pass()
    expect(await reply).toBeInstanceOf(Error)
    await closed(newcomer)
    expect(await value()).toBe('')
  })

  it('passing again spares connections that lost nothing', async () => {
    proxy.swallow('both')
    await proxy.pass()
    expect(await client.ping()).toBe('PONG')
  })

  it('delayed replies arrive later, in the order they were sent', async () => {
    proxy.delay(60)
    const started = performance.now()
    const order: number[] = []
    await Promise.all([1, 2].map((index) => client.set('key', index).then(() => order.push(index))))
    expect(performance.now() - started).toBeGreaterThanOrEqual(59)
    expect(order).toEqual([1, 2])
  })

  it('a server that is gone is a closed connection to the client', async () => {
    await using other = await startRedis()
    await using inBetween = await startProxy(other)
    const connection = connectTo(inBetween)
    await connection.ping()
    await other.kill()
    await closed(connection)
  })
})

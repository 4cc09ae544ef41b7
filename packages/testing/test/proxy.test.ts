import { once } from 'node:events'
import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  eventually,
  startProxy,
  startRedis,
  type RedisServer,
  type TcpProxy,
} from '../src/index.js'

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
    const connection = new Redis(port, {
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      protocol: 2,
      disableClientInfo: true,
      disconnectTimeout: 20,
    })
    return connection.on('error', () => undefined)
  }
  const closed = (connection: Redis) => eventually(() => connection.status === 'end')
  const value = () => redis.cli('GET', 'key')

  it('passes bytes in both directions', async () => {
    const text = 'x'.repeat(1_000_000)
    await client.set('key', text)
    expect(await client.get('key')).toBe(text)
    expect(proxy.connections).toBe(1)
  })

  it('has the password and the database of its target in its url', async () => {
    await using server = await startRedis({ password: 'p/w d' })
    await using inBetween = await startProxy(server)
    const connection = new Redis(inBetween.url)
    expect(await connection.ping()).toBe('PONG')
    connection.disconnect()
    const url = 'redis://user:secret@elsewhere:1234/3'
    await using other = await startProxy({ host: server.host, port: server.port, url })
    expect(other.url).toBe(`redis://user:secret@127.0.0.1:${other.port}/3`)
  })

  it('drop() closes the present connections, and accepts new ones', async () => {
    proxy.drop()
    await closed(client)
    const next = connectTo(proxy)
    expect(await next.ping()).toBe('PONG')
    next.disconnect()
    await eventually(() => proxy.connections === 0)
  })

  it('cut() refuses connections until pass(), which listens on the same port', async () => {
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

  it('with swallowed replies, the command is executed without a reply', async () => {
    proxy.swallow('replies')
    const reply = client.set('key', 'value').catch((error: Error) => error)
    await eventually(() => proxy.swallowed > 0)
    expect(await value()).toBe('value')
    expect(client.status).toBe('ready')
    await proxy.pass()
    expect(await reply).toBeInstanceOf(Error)
  })

  it('swallowed requests never arrive, and the connection stays open', async () => {
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

  it('pass() keeps connections that lost no bytes', async () => {
    proxy.swallow('both')
    await proxy.pass()
    expect(await client.ping()).toBe('PONG')
  })

  it('delayed replies arrive later, in their order', async () => {
    proxy.delay(60)
    const started = performance.now()
    const order: number[] = []
    await Promise.all([1, 2].map((index) => client.set('key', index).then(() => order.push(index))))
    expect(performance.now() - started).toBeGreaterThanOrEqual(59)
    expect(order).toEqual([1, 2])
  })

  it('when the server dies, the connection of the client is closed', async () => {
    await using other = await startRedis()
    await using inBetween = await startProxy(other)
    const connection = connectTo(inBetween)
    await connection.ping()
    await other.kill()
    await closed(connection)
  })

  describe('a half-open connection', () => {
    /** Whether Redis lists the connection with this id as open. */
    const isListed = async (id: number) => (await redis.cli('CLIENT', 'LIST', 'ID', id)) !== ''

    it('passes nothing and stays open at both ends, while new connections work', async () => {
      const id = Number(await client.client('ID'))
      proxy.halfOpen()
      const reply = client.set('key', 'lost').catch((error: Error) => error)
      await eventually(() => proxy.swallowed > 0)
      const next = connectTo(proxy)
      expect(await next.set('key', 'value')).toBe('OK')
      expect([client.status, await value(), proxy.connections, await isListed(id)]).toEqual([
        'ready',
        'value',
        2,
        true,
      ])
      await proxy.pass()
      expect(await reply).toBeInstanceOf(Error)
      expect(await next.ping()).toBe('PONG')
      await eventually(async () => !(await isListed(id)))
      next.disconnect()
    })

    it.each(['end', 'resetAndDestroy'] as const)(
      'does not inform the server when the client ends it by %s()',
      async (how) => {
        const socket = connect(proxy.port, proxy.host)
        socket.write('CLIENT ID\r\n')
        const [reply] = (await once(socket, 'data')) as [Buffer]
        const id = Number(reply.toString().slice(1))
        proxy.halfOpen()
        socket[how]()
        await eventually(() => proxy.connections === 1)
        const next = connectTo(proxy)
        await next.ping()
        expect([await isListed(id), socket.readableEnded]).toEqual([true, false])
        proxy.drop()
        await eventually(async () => !(await isListed(id)))
      },
    )

    it('does not inform the client when the server ends it', async () => {
      const id = Number(await client.client('ID'))
      proxy.halfOpen()
      await redis.cli('CLIENT', 'KILL', 'ID', id)
      await eventually(async () => !(await isListed(id)))
      const next = connectTo(proxy)
      await next.ping()
      expect(client.status).toBe('ready')
      next.disconnect()
    })

    it('passes no messages to a subscriber', async () => {
      const subscriber = connectTo(proxy)
      const received: string[] = []
      subscriber.on('message', (_channel: string, message: string) => received.push(message))
      await subscriber.subscribe('news')
      await redis.cli('PUBLISH', 'news', 'first')
      await eventually(() => received.length === 1)
      proxy.halfOpen()
      expect(await redis.cli('PUBLISH', 'news', 'second')).toBe('1')
      await eventually(() => proxy.swallowed > 0)
      expect(received).toEqual(['first'])
      subscriber.disconnect()
    })
  })

  describe('held requests', () => {
    it('are executed late, after the commands of the next connection of their client', async () => {
      const held = proxy.hold()
      const late = client.set('key', 'late').catch((error: Error) => error)
      await eventually(() => held.bytes > 0)
      client.disconnect()
      await late
      const next = connectTo(proxy)
      await next.set('key', 'early')
      expect(await value()).toBe('early')
      await held.deliver()
      expect([await next.get('key'), held.bytes]).toEqual(['late', 0])
      await held.deliver()
      next.disconnect()
    })

    it('survive drop(), cut() and pass(), which disconnect their clients', async () => {
      const held = proxy.hold()
      const late = client.incr('key').catch((error: Error) => error)
      await eventually(() => held.bytes > 0)
      proxy.drop()
      expect(await late).toBeInstanceOf(Error)
      await proxy.cut()
      await proxy.pass()
      expect(await value()).toBe('')
      await held.deliver()
      expect(await value()).toBe('1')
    })

    it('are executed in order, and a client that is still connected gets no reply', async () => {
      const held = proxy.hold()
      const order = Array.from({ length: 2_000 }, (_, index) =>
        client.rpush('key', `${index}-${'x'.repeat(500)}`),
      )
      const outcomes = Promise.allSettled(order)
      await eventually(() => held.bytes > 1_000_000)
      await held.deliver()
      expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true)
      const stored = (await redis.cli('LRANGE', 'key', 0, -1)).split('\n')
      expect(stored.map((element) => parseInt(element))).toEqual(order.map((_, index) => index))
    })

    it('wait for a paused server', async () => {
      const held = proxy.hold()
      client.set('key', 'late').catch(() => undefined)
      await eventually(() => held.bytes > 0)
      await redis.pause()
      let delivered = false
      const delivery = held.deliver().then(() => (delivered = true))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(delivered).toBe(false)
      await redis.resume()
      await delivery
      expect(await value()).toBe('late')
    })

    it('can not be delivered after the server or close() has ended the connection', async () => {
      const held = proxy.hold()
      client.set('key', 'late').catch(() => undefined)
      await eventually(() => held.bytes > 0)
      await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      // Once the reply arrives, the proxy has seen that the server closed the connection.
      const next = connectTo(proxy)
      await next.ping()
      await expect(held.deliver()).rejects.toThrow('ended before its bytes were delivered')
      const heldNext = proxy.hold()
      next.set('key', 'late').catch(() => undefined)
      await eventually(() => heldNext.bytes > 0)
      await proxy.close()
      await expect(heldNext.deliver()).rejects.toThrow('ended before its bytes were delivered')
      expect(await value()).toBe('')
    })
  })

  it('after a failover behind one address, new connections reach the new primary', async () => {
    await using primary = await startRedis({ aof: true })
    await using replica = await startRedis({
      config: { replicaof: `${primary.host} ${primary.port}` },
    })
    await using address = await startProxy(primary)
    const old = connectTo(address)
    await old.ping()
    await replica.cli('REPLICAOF', 'NO', 'ONE')
    await primary.cli('REPLICAOF', replica.host, replica.port)
    address.retarget(replica)
    await expect(old.set('key', 'value')).rejects.toThrow(/^READONLY/)
    const next = connectTo(address)
    expect(await next.set('key', 'value')).toBe('OK')
    old.disconnect()
    next.disconnect()
  })

  it('retarget() sends new connections to another server, and keeps the present ones', async () => {
    await using other = await startRedis()
    proxy.retarget(other)
    const next = connectTo(proxy)
    await next.set('key', 'there')
    await client.set('key', 'here')
    expect([await value(), await other.cli('GET', 'key')]).toEqual(['here', 'there'])
    next.disconnect()
  })
})

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, CommandTimeoutError, ConnectionError } from '@cache/core'
import {
  burnCpu,
  eventually,
  startProxy,
  startRedis,
  startRedisSentinel,
  type RedisServer,
} from '@cache/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { answer, on, onServer, onServers, recovered } from './drivers.js'

let server: RedisServer
beforeEach(async () => void (server = await startRedis()))
afterEach(() => server.stop())

it('a server is killed under load: commands end with an error, and work later', async () => {
  await using driver = onServer(server)
  await recovered(driver)
  await server.pause()
  const many = Array.from({ length: 5_000 }, (_, i) =>
    answer(driver, on(`k${i}`, 'SET', `k${i}`, String(i)), 60_000),
  )
  await server.kill()
  for (const reply of await Promise.all(many)) expect(reply).toBeInstanceOf(ConnectionError)
  expect(await answer(driver, on('k', 'GET', 'k'), 100)).toBeInstanceOf(CacheError)
  await server.restart()
  await recovered(driver)
}, 60_000)

it('a paused server: deadlines hold, and late replies are dropped', async () => {
  await using driver = onServer(server)
  await Promise.all(driver.send([on('a', 'SET', 'a', 'A'), on('b', 'SET', 'b', 'B')]))
  await server.pause()
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, i) => answer(driver, on('a', 'GET', 'a'), 50 + i)),
  )
  for (const reply of replies) expect(reply).toBeInstanceOf(CommandTimeoutError)
  expect(driver.silentFor!('')).toBeGreaterThan(0)
  await server.resume()
  await recovered(driver)
  for (let i = 0; i < 50; i++) expect(await answer(driver, on('b', 'GET', 'b'))).toBe('B')
  expect(driver.silentFor!('')).toBe(0)
})

it('a silent connection is replaced by another one', async () => {
  await using proxy = await startProxy(server)
  await using driver = onServer(proxy, { timeout: 300 })
  await recovered(driver)
  proxy.halfOpen()
  expect(await answer(driver, on('k', 'GET', 'k'), 100)).toBeInstanceOf(CommandTimeoutError)
  await recovered(driver)
  expect(driver.sinceResend!()).toBeLessThan(20_000)
})

it('a command that timed out while it waited for a connection is never executed', async () => {
  await using driver = onServer(server)
  await recovered(driver)
  await server.kill()
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => answer(driver, on('n', 'INCR', 'n'), 50)),
  )
  for (const reply of replies) expect(reply).toBeInstanceOf(CacheError)
  await sleep(100)
  for (let i = 0; i < 20; i++)
    expect(await answer(driver, on('n', 'INCR', 'n'), 10)).toBeInstanceOf(CacheError)
  await sleep(50)
  await server.restart()
  await recovered(driver)
  await sleep(100)
  expect(await answer(driver, on('n', 'GET', 'n'))).toBeNull()
})

it('a server that is started after the client', async () => {
  await server.kill()
  await using driver = onServer(server)
  const early = await answer(driver, on('k', 'GET', 'k'), 100)
  expect(early).toBeInstanceOf(ConnectionError)
  expect((early as Error).message).toMatch(/^GET k was not sent/)
  await server.restart()
  await recovered(driver)
})

it('with lost replies, cut connections and delays, a reply is correct or an error', async () => {
  await using proxy = await startProxy(server)
  await using driver = onServer(proxy)
  await recovered(driver)
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  await Promise.all(driver.send(keys.map((key) => on(key, 'SET', key, `v${key}`))))
  let answers = 0
  const stop = new AbortController()
  const asked = Promise.all(
    keys.map(async (key) => {
      for (; !stop.signal.aborted; await sleep(1)) {
        const reply = await answer(driver, on(key, 'GET', key), 40)
        if (reply instanceof CacheError) continue
        if (reply !== `v${key}`) throw new Error(`${key} answered ${String(reply)}`)
        answers++
      }
    }),
  )
  for (let round = 0; round < 4; round++) {
    for (const fault of ['swallow', 'drop', 'cut', 'delay'] as const) {
      if (fault === 'swallow') proxy.swallow('replies')
      else if (fault === 'delay') proxy.delay(60)
      else if (fault === 'drop') proxy.drop()
      else await proxy.cut()
      await sleep(30)
      proxy.delay(0)
      await proxy.pass()
    }
    const before = answers
    await eventually(() => answers > before, { within: 20_000 })
  }
  stop.abort()
  await asked
  await recovered(driver)
  for (const key of keys) expect(await answer(driver, on(key, 'GET', key))).toBe(`v${key}`)
})

it('errors of the server are passed on: no permission, no memory, no password', async () => {
  const rights = ['~*', '+@read', '+@connection', '+info', '+client']
  await server.cli('ACL', 'SETUSER', 'reader', 'on', '>secret', ...rights)
  await using reader = onServer(server, {}, { username: 'reader', password: 'secret' })
  await recovered(reader)
  expect(await answer(reader, on('k', 'SET', 'k', 'v'))).toMatchObject({
    code: 'NOPERM',
    command: 'SET',
  })
  await using driver = onServer(server)
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  expect(await answer(driver, on('k', 'SET', 'k', 'v'))).toMatchObject({ code: 'OOM', key: 'k' })
  await using wrong = onServer(server, {}, { username: 'reader', password: 'wrong-one' })
  const early = await answer(wrong, on('k', 'GET', 'k'), 1_000)
  expect(early).toBeInstanceOf(ConnectionError)
  expect((early as Error).message).toMatch(/WRONGPASS|password|authenticat/i)
  expect((early as Error).message).not.toContain('wrong-one')
})

it('the commands of one send are executed in order, also beside thousands of others', async () => {
  await using driver = onServer(server)
  await recovered(driver)
  const lists = Array.from({ length: 200 }, (_, i) => `list:${i}`)
  const numbers = Array.from({ length: 20 }, (_, i) => String(i))
  await Promise.all(
    lists.flatMap((key) =>
      driver.send(
        numbers.map((number) => on(key, 'RPUSH', key, number)),
        { timeout: 20_000 },
      ),
    ),
  )
  for (const key of lists)
    expect(await answer(driver, on(key, 'LRANGE', key, '0', '-1'))).toEqual(numbers)
})

it('a closed connection whose command blocks takes no item', async () => {
  await using driver = onServer(server)
  const connection = await driver.dedicate()
  const popped = answer(connection, on('list', 'BLPOP', 'list', '0'), 60_000)
  await eventually(async () => (await server.cli('CLIENT', 'LIST')).includes('cmd=blpop'))
  await connection.close()
  expect(await popped).toBeInstanceOf(ConnectionError)
  expect(await answer(driver, on('list', 'RPUSH', 'list', 'item'))).toBe(1)
  expect(await answer(driver, on('list', 'LLEN', 'list'))).toBe(1)
})

it('a subscription survives a restart of the server, and reports the gap', async () => {
  await using driver = onServer(server)
  const events: string[] = []
  const subscription = await driver.subscribe(['news'], {
    message: (_, payload) => events.push(payload),
    gap: () => events.push('gap'),
    live: () => events.push('live'),
  })
  await server.kill()
  await eventually(() => events.includes('gap'))
  await server.restart()
  await eventually(() => events.includes('live'))
  await recovered(driver)
  await answer(driver, on('news', 'PUBLISH', 'news', 'again'))
  await eventually(() => events.includes('again'))
  expect(events).toEqual(['gap', 'live', 'again'])
  await subscription.close()
})

it('a connection that is lost while this process is busy is a gap', async () => {
  await using driver = onServer(server)
  const events: string[] = []
  const subscription = await driver.subscribe(['news'], {
    message: (_, payload) => events.push(payload),
    gap: () => events.push('gap'),
    live: () => events.push('live'),
  })
  const killer = `setTimeout(() => require('node:net').connect(${server.port}, '${server.host}')
    .end('CLIENT KILL TYPE pubsub\\r\\n').resume(), 1_200)`
  const child = spawn(process.execPath, ['--eval', killer])
  const killed = once(child, 'exit')
  // GLIDE goes on in threads of its own, and has connected again when this process does.
  burnCpu(2_500)
  await killed
  await eventually(() => events.includes('live'))
  expect(events).toEqual(['gap', 'live'])
  await answer(driver, on('news', 'PUBLISH', 'news', 'hello'))
  await eventually(() => events.includes('hello'))
  await subscription.close()
})

it('no message is missed silently: a skipped number has a gap before the next one', async () => {
  await using proxy = await startProxy(server)
  await using driver = onServer(server)
  await using listening = onServer(proxy)
  const events: string[] = []
  const subscription = await listening.subscribe(['numbers'], {
    message: (_, payload) => events.push(payload),
    gap: () => events.push('gap'),
    live: () => events.push('live'),
  })
  let sent = 0
  const stop = new AbortController()
  const publisher = (async () => {
    for (; !stop.signal.aborted; await sleep(1))
      await answer(driver, on('numbers', 'PUBLISH', 'numbers', String(sent++)))
  })()
  for (let round = 0; round < 4; round++) {
    await sleep(50)
    if (round % 2 === 0) proxy.drop()
    else {
      await proxy.cut()
      await sleep(30)
      await proxy.pass()
    }
    const before = events.length
    await eventually(() => events.slice(before).includes('live'))
  }
  await sleep(50)
  stop.abort()
  await publisher
  await subscription.close()
  expect(events.filter((event) => event === 'gap').length).toBeGreaterThanOrEqual(4)
  let last = -1
  let gap = true
  for (const event of events) {
    if (event === 'gap') gap = true
    else if (event !== 'live') {
      expect(Number(event) === last + 1 || (gap && Number(event) > last), event).toBe(true)
      last = Number(event)
      gap = false
    }
  }
  expect(last).toBeGreaterThan(50)
})

it('a heartbeat notices a silent server', async () => {
  await using proxy = await startProxy(server)
  await using driver = onServer(proxy)
  const events: string[] = []
  const subscription = await driver.subscribe(
    ['news'],
    {
      message: () => undefined,
      gap: () => events.push('gap'),
      live: () => events.push('live'),
    },
    { heartbeat: 200 },
  )
  proxy.swallow('replies')
  await eventually(() => events.includes('gap'))
  await proxy.pass()
  await eventually(() => events.includes('live'))
  await subscription.close()
})

it('messages with any bytes arrive', async () => {
  await using driver = onServer(server)
  const received: string[] = []
  const subscription = await driver.subscribe(['bytes'], {
    message: (_, payload) => received.push(payload),
    gap: () => received.push('gap'),
    live: () => undefined,
  })
  const bytes = Buffer.from([0xff, 0, 0xfe, 0x41])
  await answer(driver, { args: ['PUBLISH', 'bytes', bytes], keys: [] })
  await eventually(() => received.length > 0)
  expect(received).toEqual([bytes.toString()])
  await subscription.close()
})

it('tracking is refused', async () => {
  await using driver = onServer(server)
  const ignored = { message: () => undefined, gap: () => undefined, live: () => undefined }
  await expect(
    driver.subscribe(['news'], ignored, { tracking: { prefixes: [] } }),
  ).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})

it('needs no more permissions than the other drivers', async () => {
  const rules =
    '~shop:* &shop:* +@read +@write +@connection +eval +evalsha +publish +subscribe +time ' +
    '-@dangerous +info'
  await server.cli('ACL', 'SETUSER', 'shop', 'on', '>secret', ...rules.split(' '))
  await using driver = onServer(server, {}, { username: 'shop', password: 'secret' })
  expect(await answer(driver, on('shop:k', 'SET', 'shop:k', 'v'))).toBe('OK')
  const received: string[] = []
  const subscription = await driver.subscribe(
    ['shop:news'],
    {
      message: (_, payload) => received.push(payload),
      gap: () => received.push('gap'),
      live: () => undefined,
    },
    { heartbeat: 300 },
  )
  await answer(driver, on('shop:news', 'PUBLISH', 'shop:news', 'hello'))
  await eventually(() => received.length > 0)
  expect(received).toEqual(['hello'])
  await subscription.close()
  const connection = await driver.dedicate()
  expect(await answer(connection, on('shop:l', 'BLPOP', 'shop:l', '0.01'))).toBeNull()
  await connection.close()
})

it('a program ends after the driver is closed, also with a command that blocks', async () => {
  const program = `
    import { glideDriver } from '@cache/glide'
    const addresses = [{ host: '${server.host}', port: ${server.port} }]
    const driver = glideDriver({ addresses })
    const ignored = { message() {}, gap() {}, live() {} }
    await driver.subscribe(['news'], ignored, { heartbeat: 300 })
    const connection = await driver.dedicate()
    void connection.send([{ args: ['BLPOP', 'list', '0'], keys: ['list'] }])
    await driver.send([{ args: ['PING'], keys: [] }])[0]
    await driver.close()`
  const args = ['--input-type=module', '--eval', program]
  const { status, stderr } = spawnSync(process.execPath, args, { timeout: 20_000 })
  expect(status, String(stderr)).toBe(0)
})

it('with the addresses of a primary and its replica, a failover is followed', async () => {
  await using sentinel = await startRedisSentinel({ sentinels: 1 })
  const addresses = [sentinel.primary, ...sentinel.replicas].map(({ host, port }) => ({
    host,
    port,
  }))
  await using driver = onServers(addresses)
  const first = sentinel.primary
  await recovered(driver)
  expect((await driver.nodes())[0]!.id).toBe(`${first.host}:${first.port}`)
  await sentinel.failover()
  const next = sentinel.primary
  expect(next).not.toBe(first)
  await eventually(async () => (await answer(driver, on('k', 'SET', 'k', 'v'), 500)) === 'OK', {
    within: 30_000,
  })
  expect(await next.cli('GET', 'k')).toBe('v')
  expect((await driver.nodes())[0]!.id).toBe(`${next.host}:${next.port}`)
}, 60_000)

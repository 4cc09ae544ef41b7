import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, startRedis, startRedisSentinel, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { CacheError, ConnectionError, type Driver } from '../../src/index.js'
import { answer, flavours, on, recovered } from './clients.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

interface Heard {
  readonly events: string[]
  close(): Promise<void>
}

async function listen(driver: Driver, channel: string): Promise<Heard> {
  const events: string[] = []
  const subscription = await driver.subscribe([channel], {
    message: (_, payload) => events.push(payload),
    gap: () => events.push('gap'),
    live: () => events.push('live'),
  })
  return { events, close: () => subscription.close() }
}

describe.each(flavours)('over $name', ({ standalone, sentinel }) => {
  it('no message is missed silently: a skipped number has a gap before the next one', async () => {
    await using proxy = await startProxy(server)
    await using made = standalone(server.url)
    await using listening = standalone(proxy.url)
    const heard = await listen(listening.driver, 'numbers')
    let sent = 0
    const publishing = new AbortController()
    const publisher = (async () => {
      for (; !publishing.signal.aborted; await sleep(1))
        await answer(made.driver, on('numbers', 'PUBLISH', 'numbers', String(sent++)))
    })()
    for (let i = 0; i < 5; i++) {
      await sleep(50)
      if (i % 2 === 0) proxy.drop()
      else {
        await proxy.cut()
        await sleep(30)
        await proxy.pass()
      }
      const before = heard.events.length
      await vi.waitFor(() => expect(heard.events.slice(before)).toContain('live'), 10_000)
    }
    await sleep(50)
    publishing.abort()
    await publisher
    await heard.close()
    expect(heard.events.filter((event) => event === 'gap').length).toBeGreaterThanOrEqual(5)
    let last = -1
    let gap = true
    for (const event of heard.events) {
      if (event === 'gap') gap = true
      else if (event !== 'live') {
        expect(
          Number(event) === last + 1 || (gap && Number(event) > last),
          `${event} after ${last}`,
        ).toBe(true)
        last = Number(event)
        gap = false
      }
    }
    expect(last).toBeGreaterThan(0)
  })

  it('a server that dies is a gap, and its return is reported; closing is safe', async () => {
    await using own = await startRedis()
    await using made = standalone(own.url)
    const heard = await listen(made.driver, 'c')
    const closing = await listen(made.driver, 'c')
    await own.kill()
    await vi.waitFor(() => expect(heard.events).toContain('gap'), 10_000)
    await closing.close()
    await sleep(100)
    expect(heard.events).not.toContain('live')
    await own.restart()
    await vi.waitFor(() => expect(heard.events.at(-1)).toBe('live'), 10_000)
    await recovered(made.driver)
    await answer(made.driver, on('c', 'PUBLISH', 'c', 'after'))
    await vi.waitFor(() => expect(heard.events.at(-1)).toBe('after'), 5_000)
    expect(closing.events).not.toContain('after')
    await heard.close()
  })

  it('subscribing to a missing server rejects', async () => {
    await using own = await startRedis()
    await own.kill()
    await using made = standalone(own.url)
    await expect(listen(made.driver, 'c')).rejects.toBeInstanceOf(CacheError)
  })

  it('a separate connection blocks without a limit, and closing it ends that', async () => {
    await using made = standalone(server.url)
    const connection = await made.driver.dedicate()
    const popped = Promise.all(connection.send([on('list', 'BLPOP', 'list', '1.5')]))
    expect(await popped).toEqual([null])
    const forever = Promise.all(connection.send([on('list', 'BLPOP', 'list', '0')]))
    await sleep(50)
    await connection.close()
    expect((await forever)[0]).toBeInstanceOf(ConnectionError)
    expect(await answer(made.driver, on('k', 'ECHO', 'x'))).toBe('x')
  })

  it('Sentinel: after a failover, everything continues after a gap', async () => {
    await using redis = await startRedisSentinel({ replicas: 1, sentinels: 1 })
    await using made = sentinel(redis)
    const { driver } = made
    await recovered(driver)
    const heard = await listen(driver, 'c')
    await answer(driver, on('k', 'SET', 'k', 'kept'))
    await redis.ready()
    await redis.primary.kill()
    await redis.failover()
    await vi.waitFor(
      async () => expect(await answer(driver, on('k', 'GET', 'k'), 500)).toBe('kept'),
      20_000,
    )
    expect(await answer(driver, on('k', 'SET', 'k', 'written'))).toBe('OK')
    await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 20_000)
    await answer(driver, on('c', 'PUBLISH', 'c', 'after'))
    await vi.waitFor(() => expect(heard.events).toContain('after'), 5_000)
    await heard.close()
  }, 60_000)
})

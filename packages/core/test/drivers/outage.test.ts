import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { CacheError, CommandTimeoutError, ConnectionError, ServerError } from '../../src/index.js'
import { answer, flavours, on, recovered } from './clients.js'

const unhandled: unknown[] = []
const note = (error: unknown) => void unhandled.push(error)
beforeAll(() => void process.on('unhandledRejection', note).on('uncaughtException', note))
afterAll(() => void process.off('unhandledRejection', note).off('uncaughtException', note))
afterEach(() => expect(unhandled.splice(0)).toEqual([]))

describe.each(flavours)('over $name', ({ standalone }) => {
  let server: RedisServer
  beforeEach(async () => void (server = await startRedis()))
  afterEach(() => server.stop())

  it('a server is killed under load: commands fail at once, and work again later', async () => {
    await using made = standalone(server.url)
    const { driver } = made
    await recovered(driver)
    await server.pause()
    const started = performance.now()
    const many = Array.from({ length: 10_000 }, (_, i) =>
      Promise.all(driver.send([on(`k${i}`, 'SET', `k${i}`, String(i))], { timeout: 60_000 })),
    )
    await server.kill()
    for (const [reply] of await Promise.all(many)) expect(reply).toBeInstanceOf(ConnectionError)
    expect(performance.now() - started).toBeLessThan(30_000)
    expect(await answer(driver, on('k', 'GET', 'k'), 100)).toBeInstanceOf(ConnectionError)
    await server.restart()
    await recovered(driver)
  }, 60_000)

  it('a paused server: deadlines hold, and late replies are dropped', async () => {
    await using made = standalone(server.url)
    const { driver } = made
    await Promise.all(driver.send([on('a', 'SET', 'a', 'A'), on('b', 'SET', 'b', 'B')]))
    await server.pause()
    const started = performance.now()
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => answer(driver, on('a', 'GET', 'a'), 50 + i)),
    )
    for (const reply of replies) expect(reply).toBeInstanceOf(CommandTimeoutError)
    expect(performance.now() - started).toBeLessThan(2_000)
    await server.resume()
    for (let i = 0; i < 50; i++)
      expect(['B', expect.any(CommandTimeoutError)]).toContainEqual(
        await answer(driver, on('b', 'GET', 'b')),
      )
    await recovered(driver)
    expect(await answer(driver, on('b', 'GET', 'b'))).toBe('B')
  })

  it('a command that timed out while it waited for a connection is never executed', async () => {
    await using made = standalone(server.url)
    const { driver } = made
    await recovered(driver)
    await server.kill()
    // Commands that are sent before the client has noticed the end of its connection count as under
    // way. ioredis resends them.
    await vi.waitFor(
      async () =>
        expect(await answer(driver, on('n', 'GET', 'n'), 50)).toBeInstanceOf(ConnectionError),
      { timeout: 10_000 },
    )
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => answer(driver, on('n', 'INCR', 'n'), 50)),
    )
    for (const reply of replies) expect(reply).toBeInstanceOf(ConnectionError)
    await server.restart()
    await recovered(driver)
    await sleep(100)
    expect(await answer(driver, on('n', 'GET', 'n'))).toBeNull()
  })

  it('a command that timed out behind a silent one never reaches the server', async () => {
    await using made = standalone(server.url)
    const { driver } = made
    await recovered(driver)
    await server.pause()
    // Small commands are already on their way to the socket of the server. This one does not fit,
    // and later ones wait behind it.
    const large = answer(driver, on('large', 'SET', 'large', Buffer.alloc(30_000_000)), 100)
    const behind = await Promise.all(
      Array.from({ length: 20 }, () => answer(driver, on('n', 'INCR', 'n'), 50)),
    )
    for (const reply of [...behind, await large]) expect(reply).toBeInstanceOf(CommandTimeoutError)
    await server.resume()
    await recovered(driver)
    // They were written to a buffer of this process. So they may or may not have been executed, and
    // at most once each.
    expect(Number(await answer(driver, on('n', 'GET', 'n'), 5_000))).toBeLessThanOrEqual(20)
  })

  it('a server that is started after the client', async () => {
    await server.kill()
    await using made = standalone(server.url)
    const early = await answer(made.driver, on('k', 'GET', 'k'), 100)
    expect(early).toBeInstanceOf(ConnectionError)
    expect((early as Error).message).toMatch(/GET|k/)
    await server.restart()
    await recovered(made.driver)
  })

  it(
    'with lost replies, cut connections and delays, a reply is correct or an error',
    async () => {
      await using proxy = await startProxy(server)
      await using made = standalone(proxy.url)
      const { driver } = made
      await recovered(driver)
      await Promise.all(
        driver.send(Array.from({ length: 20 }, (_, i) => on(`k${i}`, 'SET', `k${i}`, `v${i}`))),
      )
      const weather = fc.constantFrom('swallow', 'drop', 'cut', 'delay', 'fine')
      let answers = 0
      await fc.assert(
        fc.asyncProperty(fc.array(weather, { minLength: 1, maxLength: 5 }), async (spells) => {
          const asking = new AbortController()
          const asked = Promise.all(
            Array.from({ length: 20 }, async (_, i) => {
              for (; !asking.signal.aborted; await sleep(1)) {
                const reply = await answer(driver, on(`k${i}`, 'GET', `k${i}`), 40)
                if (reply instanceof CacheError) continue
                if (reply !== `v${i}`) throw new Error(`k${i} answered ${String(reply)}`)
                answers++
              }
            }),
          )
          for (const spell of spells) {
            if (spell === 'swallow') proxy.swallow('replies')
            else if (spell === 'drop') proxy.drop()
            else if (spell === 'cut') await proxy.cut()
            else if (spell === 'delay') proxy.delay(60)
            await sleep(30)
            proxy.delay(0)
            await proxy.pass()
          }
          asking.abort()
          await asked
          await recovered(driver)
        }),
        { numRuns: process.env.CHAOS ? 200 : 8, seed: 11 },
      )
      expect(answers).toBeGreaterThan(20)
    },
    process.env.CHAOS ? 300_000 : 30_000,
  )

  it('errors of the server are passed on: no permission, no memory, no password', async () => {
    await server.cli(
      'ACL',
      'SETUSER',
      'reader',
      'on',
      '>secret',
      '~*',
      '+@read',
      '+@connection',
      '+info',
      '+client',
    )
    const { host, port } = server
    await using reader = standalone(`redis://reader:secret@${host}:${port}`)
    await recovered(reader.driver)
    expect(await answer(reader.driver, on('k', 'SET', 'k', 'v'))).toMatchObject({
      code: 'NOPERM',
      command: 'SET',
    })
    await using made = standalone(server.url)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    expect(await answer(made.driver, on('k', 'SET', 'k', 'v'))).toMatchObject({
      code: 'OOM',
      command: 'SET',
      key: 'k',
    })
    expect(await answer(made.driver, on('k', 'SET', 'k', 'v'))).toBeInstanceOf(ServerError)
    await using wrong = standalone(`redis://reader:wrong@${host}:${port}`)
    const refused = await answer(wrong.driver, on('k', 'GET', 'k'), 300)
    expect(refused).toBeInstanceOf(CacheError)
    expect((refused as Error).message).toMatch(/WRONGPASS|NOAUTH|password/i)
  })

  it('a busy script delays other commands until their deadlines, and no longer', async () => {
    await using made = standalone(server.url)
    const { driver } = made
    await recovered(driver)
    const busy = Promise.all(
      driver.send([on('k', 'EVAL', 'while true do end', '0')], { timeout: 10_000 }),
    )
    await sleep(20)
    expect(await answer(driver, on('k', 'GET', 'k'), 50)).toBeInstanceOf(CommandTimeoutError)
    await vi.waitFor(
      async () => expect(await server.cli('SCRIPT', 'KILL').catch(() => 'not yet')).toBe('OK'),
      15_000,
    )
    expect((await busy)[0]).toBeInstanceOf(CacheError)
    await recovered(driver)
  }, 30_000)
})

import { startRedis, type RedisServer } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createLocks, createSemaphore, type Lock } from '../src/index.js'
import { connect, driverNames, longTimeouts } from './drivers.js'

/** Returns how many scripts the server has executed. */
async function countScriptCalls(server: RedisServer): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return [...stats.matchAll(/cmdstat_(?:eval|evalsha):calls=(\d+)/g)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )
}

/** Returns how many commands the server has executed, also those in scripts. */
async function countCommands(server: RedisServer): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return [...stats.matchAll(/cmdstat_[^:]+:calls=(\d+)/g)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )
}

/** Returns the number of connections that subscribe to messages. */
const countSubscribers = async (server: RedisServer): Promise<number> =>
  (await server.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n').filter((line) => line !== '')
    .length

// The tests run concurrently, because each has its own server and client.
describe.each(driverNames)('the costs of a lock on %s', { concurrent: true }, (driver) => {
  it('one round trip to acquire, one to release, and no subscription without waiters', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, longTimeouts)
    const locks = createLocks({ client: connected.client })
    await locks.withLock('x', () => undefined)
    const before = await countScriptCalls(server)
    for (let i = 0; i < 50; i++) await locks.withLock('x', () => undefined)
    expect((await countScriptCalls(server)) - before).toBe(100)
    expect(await countSubscribers(server)).toBe(0)
  })

  it('6 commands to acquire, and 5 each to extend and to release', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, longTimeouts)
    const locks = createLocks({ client: connected.client })
    const spent = async (work: () => Promise<unknown>): Promise<number> => {
      const before = await countCommands(server)
      await work()
      return (await countCommands(server)) - before - 1 // the INFO of the count before
    }
    await locks.withLock('x', (held) => held.extend('20s'))
    let lock!: Lock
    expect(await spent(async () => (lock = await locks.acquire('x')))).toBe(6)
    expect(await spent(() => lock.extend('20s'))).toBe(5)
    expect(await spent(() => lock.release())).toBe(5)
    const semaphore = createSemaphore({ client: connected.client, name: 'x', permits: 3 })
    await semaphore.withPermit(() => undefined)
    expect(await spent(async () => (lock = await semaphore.acquire()))).toBe(10)
    expect(await spent(() => lock.release())).toBe(7)
  })

  it.each([
    ['a lock', 14, 7],
    ['a permit', 25, 14],
  ])('to pass %s from one to the next, at most %s commands', async (kind, most, other) => {
    await using server = await startRedis()
    const connected = Array.from({ length: 10 }, () => connect(driver, server.url, longTimeouts))
    const contenders = connected.map(({ client }) => {
      const locks = createLocks({ client })
      const semaphore = createSemaphore({ client, name: 'x', permits: 1 })
      return (work: () => void) =>
        kind === 'a lock' ? locks.withLock('x', work) : semaphore.withPermit(work)
    })
    let turns = 0
    const contend = (turnsOfEach: number) =>
      Promise.all(
        contenders.map(async (hold) => {
          for (let i = 0; i < turnsOfEach; i++) await hold(() => void turns++)
        }),
      )
    await contend(2) // connected and subscribed
    const [commandsBefore, scriptsBefore] = [
      await countCommands(server),
      await countScriptCalls(server),
    ]
    turns = 0
    await contend(20)
    expect(turns).toBe(200)
    const commands = (await countCommands(server)) - commandsBefore
    // On a busy machine, waiters also poll, and holders renew: `other` commands at most.
    const others = (await countScriptCalls(server)) - scriptsBefore - 2 * turns
    expect(commands - other * others).toBeLessThanOrEqual(most * turns)
    for (const connection of connected) await connection[Symbol.asyncDispose]()
  })

  it('less than 200 bytes for the tombstone of a token, which expires in a minute', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, longTimeouts)
    const locks = createLocks({ client: connected.client })
    const name = 'x'.repeat(35) // 40 characters with the prefix `lock:`
    await locks.withLock(name, async () => expect(await locks.tryAcquire(name)).toBeNull())
    const tombstones = (await server.cli('KEYS', '*:left:*')).trim().split('\n')
    expect(tombstones).toHaveLength(2)
    for (const tombstone of tombstones) {
      expect(Number(await server.cli('MEMORY', 'USAGE', tombstone))).toBeLessThan(200)
      expect(Number(await server.cli('PTTL', tombstone))).toBeLessThanOrEqual(60_000)
    }
  })

  it('at most 3 commands per ttl while it is held, also for fifty locks', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, longTimeouts)
    const locks = createLocks({ client: connected.client })
    await locks.withLock('x', () => undefined)
    const held = await Promise.all(
      Array.from({ length: 50 }, (_, i) => locks.acquire(i, { ttl: 1_500 })),
    )
    // scripts that the server did not know were sent twice
    await new Promise((resolve) => setTimeout(resolve, 100))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const [before, started] = [await countScriptCalls(server), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    const spent = (await countScriptCalls(server)) - before
    const ttls = (performance.now() - started) / 1_500
    expect(spent).toBeGreaterThan(0)
    expect(spent).toBeLessThanOrEqual(3 * ttls + 1)
    for (const lock of held) lock.assertHeld()
    await locks.close()
  })

  it('one subscribing connection, however many wait', async ({ expect }) => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, longTimeouts)
    const [a, b] = [
      createLocks({ client: connected.client }),
      createLocks({ client: connected.client, prefix: 'other' }),
    ]
    const held = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).acquire(i)),
    )
    const waiting = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).acquire(i))
    await expect.poll(() => countSubscribers(server)).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 300)) // time for further connections
    expect(await countSubscribers(server)).toBe(1)
    for (const lock of held) await lock.release()
    for (const lock of await Promise.all(waiting)) await lock.release()
    await a.close()
    await b.close()
    await expect.poll(() => countSubscribers(server)).toBe(0)
  })
})

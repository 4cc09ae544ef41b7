import { startRedis, type RedisServer } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createLocks } from '../src/index.js'
import { connect, driverNames, patient } from './drivers.js'

/** How often clients called scripts, and how many connections there are. */
async function calls(server: RedisServer): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return [...stats.matchAll(/cmdstat_(?:eval|evalsha):calls=(\d+)/g)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )
}

const connections = async (server: RedisServer): Promise<number> =>
  (await server.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n').filter((line) => line !== '')
    .length

// Each has a server and a client of its own.
describe.each(driverNames)('what a lock costs on %s', { concurrent: true }, (driver) => {
  it('one round trip to acquire, one to release, and no connection for messages while nobody waits', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, patient)
    const locks = createLocks({ client: connected.client })
    await locks.withLock('x', () => undefined)
    const before = await calls(server)
    for (let i = 0; i < 50; i++) await locks.withLock('x', () => undefined)
    expect((await calls(server)) - before).toBe(100)
    expect(await connections(server)).toBe(0)
  })

  it('less than 200 bytes for a minute, for each token that has left or was refused', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, patient)
    const locks = createLocks({ client: connected.client })
    const name = 'x'.repeat(35) // behind `lock:`
    await locks.withLock(name, async () => expect(await locks.tryAcquire(name)).toBeNull())
    const notes = (await server.cli('KEYS', '*:left:*')).trim().split('\n')
    expect(notes).toHaveLength(2)
    for (const note of notes) {
      expect(Number(await server.cli('MEMORY', 'USAGE', note))).toBeLessThan(200)
      expect(Number(await server.cli('PTTL', note))).toBeLessThanOrEqual(60_000)
    }
  })

  it('no more than 3 commands per ttl while it is held, and no more for fifty of them', async () => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, patient)
    const locks = createLocks({ client: connected.client })
    await locks.withLock('x', () => undefined)
    const held = await Promise.all(
      Array.from({ length: 50 }, (_, i) => locks.acquire(i, { ttl: 1_500 })),
    )
    // scripts the server did not know were sent twice
    await new Promise((resolve) => setTimeout(resolve, 100))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const [before, started] = [await calls(server), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    const spent = (await calls(server)) - before
    const ttls = (performance.now() - started) / 1_500
    expect(spent).toBeGreaterThan(0)
    expect(spent).toBeLessThanOrEqual(3 * ttls + 1)
    for (const lock of held) lock.assertHeld()
    await locks.close()
  })

  it('one connection for messages, however many wait', async ({ expect }) => {
    await using server = await startRedis()
    await using connected = connect(driver, server.url, patient)
    const [a, b] = [
      createLocks({ client: connected.client }),
      createLocks({ client: connected.client, prefix: 'other' }),
    ]
    const held = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).acquire(i)),
    )
    const waiting = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? a : b).acquire(i))
    await expect.poll(() => connections(server)).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 300)) // time for others
    expect(await connections(server)).toBe(1)
    for (const lock of held) await lock.release()
    for (const lock of await Promise.all(waiting)) await lock.release()
    await a.close()
    await b.close()
    await expect.poll(() => connections(server)).toBe(0)
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { canSetClock } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, movingKeys, reshardHelpers } from './reshard-helpers.js'
import { setupShardsWith } from './setup-shards.js'

const HOUR = 3_600_000

describe.skipIf(!canSetClock())('a server’s clock is set', () => {
  const setup = setupShardsWith(['a', 'b', 'c', 'd'], { clock: true })
  const { startProcess, reshardTo, holdSweepLease } = reshardHelpers(setup)

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])(
    '%s during the announcement: all processes switch at the announced time, late joiners too',
    async (_, offset) => {
      const [first, second, third] = [
        startProcess(THREE, 2_500),
        startProcess(THREE, 2_500),
        startProcess(THREE, 2_500),
      ]
      const key = movingKey('a')
      await first.client.send(commandOn(key, 'SET', key, 'before'))
      const began = performance.now()
      const changes = [reshardTo(first.driver, FOUR), reshardTo(second.driver, FOUR)]
      await sleep(300) // both have joined
      await setup().servers.a.setClock(offset)
      await sleep(1_200) // they have noticed it
      changes.push(reshardTo(third.driver, FOUR))
      while (performance.now() < began + 2_300) {
        for (const { driver, client } of [first, second, third]) {
          expect(await client.send(commandOn(key, 'GET', key))).toBe('before')
          if (performance.now() < began + 2_300) expect(driver.shardOf(key)).toBe('a')
        }
      }
      await eventually(() => {
        for (const { driver } of [first, second, third]) expect(driver.shardOf(key)).toBe('d')
      })
      expect(await second.client.send(commandOn(key, 'GET', key))).toBe('before')
      await Promise.all(changes) // no process was late
    },
    90_000,
  )

  it('back between two changes: the second change moves every key again', async () => {
    const { driver, client } = startProcess(THREE, 300)
    const keys = movingKeys(10)
    await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
    await reshardTo(driver, FOUR)
    for (const name of FOUR) await setup().servers[name].setClock(-HOUR)
    await reshardTo(driver, THREE)
    await reshardTo(driver, FOUR)
    expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
      keys,
    )
  }, 90_000)

  it('back after the process that sweeps has died: another process continues', async () => {
    const { driver, client } = startProcess(THREE, 300)
    const key = movingKey('b')
    await client.send(commandOn(key, 'SET', key, key))
    await holdSweepLease(THREE, 1_000)
    await setup().servers.a.setClock(-HOUR)
    await reshardTo(driver, FOUR)
    expect(await client.send(commandOn(key, 'GET', key))).toBe(key)
  }, 90_000)

  it.each([
    ['a', HOUR],
    ['d', HOUR],
    ['d', -HOUR],
  ] as const)(
    'on shard %s by %i ms while keys are moved: they are moved all the same',
    async (name, offset) => {
      const { driver, client } = startProcess(THREE, 300)
      const [first, second] = [movingKey('a'), movingKeys(30, 'a')[20]!]
      await Promise.all([first, second].map((key) => client.send(commandOn(key, 'SET', key, key))))
      await holdSweepLease(THREE, 10_000)
      const changed = reshardTo(driver, FOUR)
      await eventually(() => expect(driver.shardOf(first)).toBe('d'))
      expect(await client.send(commandOn(first, 'GET', first))).toBe(first)
      await setup().servers[name].setClock(offset)
      await sleep(50)
      expect(await client.send(commandOn(second, 'GET', second))).toBe(second)
      await driver.close()
      await changed.catch(() => undefined)
    },
    90_000,
  )
})

import { setTimeout as sleep } from 'node:timers/promises'
import { canSetClock } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { FOUR, THREE, changing, keyed, movingKey, movingKeys, soon } from './changing.js'
import { stageOf } from './shards.js'

const HOUR = 3_600_000

describe.skipIf(!canSetClock())('the clock of a server is set', () => {
  const on = stageOf(['a', 'b', 'c', 'd'], { clock: true })
  const { startProcess, change, keepFromSweeping } = changing(on)

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])(
    '%s while a change is announced: all change at the moment that was announced, also who comes then',
    async (_, by) => {
      const [first, second, third] = [
        startProcess(THREE, 2_500),
        startProcess(THREE, 2_500),
        startProcess(THREE, 2_500),
      ]
      const key = movingKey('a')
      await first.client.send(keyed(key, 'SET', key, 'before'))
      const began = performance.now()
      const changes = [change(first.driver, FOUR), change(second.driver, FOUR)]
      await sleep(300) // both have joined
      await on().servers.a.setClock(by)
      await sleep(1_200) // they have seen it
      changes.push(change(third.driver, FOUR))
      while (performance.now() < began + 2_300) {
        for (const { driver, client } of [first, second, third]) {
          expect(await client.send(keyed(key, 'GET', key))).toBe('before')
          if (performance.now() < began + 2_300) expect(driver.shardOf(key)).toBe('a')
        }
      }
      await soon(() => {
        for (const { driver } of [first, second, third]) expect(driver.shardOf(key)).toBe('d')
      })
      expect(await second.client.send(keyed(key, 'GET', key))).toBe('before')
      await Promise.all(changes) // nobody was late
    },
    60_000,
  )

  it('back between two changes: the second moves everything again', async () => {
    const { driver, client } = startProcess(THREE, 300)
    const keys = movingKeys(10)
    await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
    await change(driver, FOUR)
    for (const name of FOUR) await on().servers[name].setClock(-HOUR)
    await change(driver, THREE)
    await change(driver, FOUR)
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
  }, 60_000)

  it('back while one that moves the rest has died: another goes on', async () => {
    const { driver, client } = startProcess(THREE, 300)
    const key = movingKey('b')
    await client.send(keyed(key, 'SET', key, key))
    await keepFromSweeping(THREE, 1_000)
    await on().servers.a.setClock(-HOUR)
    await change(driver, FOUR)
    expect(await client.send(keyed(key, 'GET', key))).toBe(key)
  }, 60_000)

  it.each([
    ['a', HOUR],
    ['d', HOUR],
    ['d', -HOUR],
  ] as const)(
    'while keys are moved, on %s by %i: they are moved all the same',
    async (name, by) => {
      const { driver, client } = startProcess(THREE, 300)
      const [one, other] = [movingKey('a'), movingKeys(30, 'a')[20]!]
      await Promise.all([one, other].map((key) => client.send(keyed(key, 'SET', key, key))))
      await keepFromSweeping(THREE, 10_000)
      const changed = change(driver, FOUR)
      await soon(() => expect(driver.shardOf(one)).toBe('d'))
      expect(await client.send(keyed(one, 'GET', one))).toBe(one)
      await on().servers[name].setClock(by)
      await sleep(50)
      expect(await client.send(keyed(other, 'GET', other))).toBe(other)
      await driver.close()
      await changed.catch(() => undefined)
    },
    60_000,
  )
})

import { setTimeout as sleep } from 'node:timers/promises'
import { channels, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { LateReshardError, ReshardConflictError, ketama, shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import type { Name } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn, keepFromSweeping } = changing(on)

describe('processes', () => {
  it('one that starts meanwhile, before or after the moment, joins and sees all that the others do', async () => {
    const first = startProcess(THREE)
    const key = movingKey('a')
    await first.client.send(keyed(key, 'SET', key, 'old'))
    const changed = change(first.driver, FOUR)
    const before = startProcess(THREE)
    const joined = change(before.driver, FOUR)
    expect(await before.client.send(keyed(key, 'GET', key))).toBe('old')
    expect(before.driver.shardOf(key)).toBe('a')
    await soon(() => expect(first.driver.shardOf(key)).toBe('d'))
    await first.client.send(keyed(key, 'SET', key, 'new'))
    const after = startProcess(THREE)
    const late = change(after.driver, FOUR)
    for (const { client } of [before, after])
      expect(await client.send(keyed(key, 'GET', key))).toBe('new')
    await Promise.all([changed, joined, late])
    const fresh = startProcess(THREE)
    const again = change(fresh.driver, FOUR)
    expect(await fresh.client.send(keyed(key, 'GET', key))).toBe('new')
    await again
  })

  it('one that starts when all is over uses no old place before it is told so, however long that takes', async () => {
    const first = startProcess(THREE)
    const key = movingKey('a')
    await change(first.driver, FOUR)
    await first.client.send(keyed(key, 'SET', key, 'new'))
    const { a, b, c, d } = Object.fromEntries(
      FOUR.map((name) => [name, on().driverAt(name)]),
    ) as Record<Name, Driver>
    const slow: Driver = {
      ...a,
      async send(commands, options = {}) {
        if (commands.some(({ keys: [first] }) => first?.startsWith('{cache-shards}:')))
          await sleep(300)
        return a.send(commands, options)
      },
    }
    const driver = shardedDriver({ shards: { a: slow, b, c }, timeout: 10_000 })
    const changed = driver.reshard({ shards: { a: slow, b, c, d } })
    expect(
      await on()
        .client(driver)
        .send(keyed(key, 'GET', key)),
    ).toBe('new')
    await changed
    await driver.close()
  })

  it('one that is told too late is told so, and changes at once', async () => {
    const [first, second] = [startProcess(THREE), startProcess(THREE)]
    const key = movingKey('a')
    await second.client.send(keyed(key, 'SET', key, 'x'))
    await change(first.driver, FOUR)
    expect(await second.client.send(keyed(key, 'GET', key))).toBe(null) // it looks in the old place
    const told: unknown[] = []
    const listen = (message: unknown) => told.push((message as { error: unknown }).error)
    channels.error.subscribe(listen)
    const late = expect(change(second.driver, FOUR)).rejects.toBeInstanceOf(LateReshardError)
    await soon(() => expect(second.driver.shardOf(key)).toBe('d'))
    expect(told).toMatchObject([{ code: 'LATE_RESHARD' }])
    await late
    channels.error.unsubscribe(listen)
    expect(await second.client.send(keyed(key, 'GET', key))).toBe('x')
  })

  it('that say different things about what is to come are told apart, and nothing changes for the one who is told so', async () => {
    const [first, second, third] = [startProcess(FOUR), startProcess(FOUR), startProcess(FOUR)]
    const shards = on().shardsOf(first.driver, FOUR)
    const { d, ...three } = shards
    const changed = change(first.driver, THREE)
    await soon(async () =>
      expect(await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await expect(change(second.driver, ['a', 'b', 'd'])).rejects.toBeInstanceOf(
      ReshardConflictError,
    )
    await expect(
      third.driver.reshard({ shards: on().shardsOf(third.driver, THREE), placement: ketama() }),
    ).rejects.toBeInstanceOf(ReshardConflictError)
    await expect(
      first.driver.reshard({ shards: { a: three.a!, b: three.b!, d: d! } }),
    ).rejects.toBeInstanceOf(ReshardConflictError)
    expect(await second.client.send(keyed('k', 'SET', 'k', 'x'))).toBe('OK')
    await changed
  })

  it('the one that moves the rest may die: another goes on', async () => {
    const [first, second] = [startProcess(THREE), startProcess(THREE)]
    const keys = Array.from({ length: 200 }, (_, i) => `rest:${i}`)
    await Promise.all(keys.map((key) => first.client.send(keyed(key, 'SET', key, key))))
    await keepFromSweeping(THREE, 1_500)
    await Promise.all([change(first.driver, FOUR), change(second.driver, FOUR)])
    for (const name of FOUR)
      for (const key of await keysOn(name)) expect(second.driver.shardOf(key)).toBe(name)
    expect(
      await Promise.all(keys.map((key) => second.client.send(keyed(key, 'GET', key)))),
    ).toEqual(keys)
  })

  it.each([
    ['while its note is there', 0, 6_000],
    ['when its note has expired', 2_800, 6_000],
  ])(
    'who reads an old place, and is held until the key was used and deleted in its new one, stores nothing: %s',
    async (_, pause, sweptAfter) => {
      const key = movingKey('a')
      await keepFromSweeping(THREE, sweptAfter)
      const first = startProcess(THREE)
      await first.client.send(keyed(key, 'SET', key, 'old'))
      const shards: Record<string, Driver> = Object.fromEntries(
        FOUR.map((name) => [name, on().driverAt(name)]),
      )
      const held: (() => void)[] = []
      const { a } = shards as { a: Driver }
      const slowly: Driver = {
        ...a,
        async send(commands, options = {}) {
          if (!commands.some(({ args }) => String(args[1]).includes("'DUMP'")))
            return a.send(commands, options)
          const replies = await a.send(commands)
          await new Promise<void>((resolve) => held.push(resolve))
          return replies
        },
      }
      const slow = shardedDriver({
        shards: { a: slowly, b: shards.b!, c: shards.c! },
        announceFor: 1_000,
      })
      const client = on().client(slow)
      const changes = [
        change(first.driver, FOUR),
        slow.reshard({ shards: { ...shards, a: slowly } }),
      ]
      await soon(() => expect([first.driver.shardOf(key), slow.shardOf(key)]).toEqual(['d', 'd']))
      const read = client.send(keyed(key, 'GET', key))
      await soon(() => expect(held).toHaveLength(1))
      expect(await first.client.send(keyed(key, 'GET', key))).toBe('old')
      expect(await first.client.send(keyed(key, 'DEL', key))).toBe(1)
      await sleep(pause)
      const releasing = setInterval(() => {
        for (const go of held.splice(0)) go()
      }, 10)
      expect(await read).toBe(null)
      expect(await on().servers.d.cli('EXISTS', key)).toMatch(/^0/)
      await Promise.all(changes)
      clearInterval(releasing)
      await slow.close()
    },
    60_000,
  )
})

import { setTimeout as sleep } from 'node:timers/promises'
import { channels, type Driver } from '@cache/core'
import { sendAfter } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { LateReshardError, ReshardConflictError, ketama, shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import type { Name } from './drivers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn, holdSweepLease } = reshardHelpers(setup)

describe('several processes', () => {
  it('a process that starts during a change, before or after the switch, joins it', async () => {
    const first = startProcess(THREE)
    const key = movingKey('a')
    await first.client.send(commandOn(key, 'SET', key, 'old'))
    const changed = reshardTo(first.driver, FOUR)
    const before = startProcess(THREE)
    const joined = reshardTo(before.driver, FOUR)
    expect(await before.client.send(commandOn(key, 'GET', key))).toBe('old')
    expect(before.driver.shardOf(key)).toBe('a')
    await eventually(() => expect(first.driver.shardOf(key)).toBe('d'))
    await first.client.send(commandOn(key, 'SET', key, 'new'))
    const after = startProcess(THREE)
    const late = reshardTo(after.driver, FOUR)
    for (const { client } of [before, after])
      expect(await client.send(commandOn(key, 'GET', key))).toBe('new')
    await Promise.all([changed, joined, late])
    const fresh = startProcess(THREE)
    const again = reshardTo(fresh.driver, FOUR)
    expect(await fresh.client.send(commandOn(key, 'GET', key))).toBe('new')
    await again
  })

  it('a process that starts after the change uses no old shard', async () => {
    const first = startProcess(THREE)
    const key = movingKey('a')
    await reshardTo(first.driver, FOUR)
    await first.client.send(commandOn(key, 'SET', key, 'new'))
    const { a, b, c, d } = Object.fromEntries(
      FOUR.map((name) => [name, setup().driverAt(name)]),
    ) as Record<Name, Driver>
    const slow: Driver = {
      ...a,
      send(commands, options) {
        const send = () => a.send(commands, options)
        return commands.some(({ keys: [first] }) => first?.startsWith('{cache-shards}:'))
          ? sendAfter(sleep(300), commands, send)
          : send()
      },
    }
    const driver = shardedDriver({ shards: { a: slow, b, c }, timeout: 10_000 })
    const changed = driver.reshard({ shards: { a: slow, b, c, d } })
    expect(
      await setup()
        .client(driver)
        .send(commandOn(key, 'GET', key)),
    ).toBe('new')
    await changed
    await driver.close()
  })

  it('a process that joins too late switches at once and reports that it was late', async () => {
    const [first, second] = [startProcess(THREE), startProcess(THREE)]
    const key = movingKey('a')
    await second.client.send(commandOn(key, 'SET', key, 'x'))
    await reshardTo(first.driver, FOUR)
    // It reads the old shard.
    expect(await second.client.send(commandOn(key, 'GET', key))).toBe(null)
    const reported: unknown[] = []
    const listen = (message: unknown) => reported.push((message as { error: unknown }).error)
    channels.error.subscribe(listen)
    const late = expect(reshardTo(second.driver, FOUR)).rejects.toBeInstanceOf(LateReshardError)
    await eventually(() => expect(second.driver.shardOf(key)).toBe('d'))
    expect(reported).toMatchObject([{ code: 'LATE_RESHARD' }])
    await late
    channels.error.unsubscribe(listen)
    expect(await second.client.send(commandOn(key, 'GET', key))).toBe('x')
  })

  it('a process with different arguments is refused, and nothing changes for it', async () => {
    const [first, second, third] = [startProcess(FOUR), startProcess(FOUR), startProcess(FOUR)]
    const shards = setup().shardsOf(first.driver, FOUR)
    const { d, ...three } = shards
    const changed = reshardTo(first.driver, THREE)
    await eventually(async () =>
      expect(await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await expect(reshardTo(second.driver, ['a', 'b', 'd'])).rejects.toBeInstanceOf(
      ReshardConflictError,
    )
    await expect(
      third.driver.reshard({ shards: setup().shardsOf(third.driver, THREE), placement: ketama() }),
    ).rejects.toBeInstanceOf(ReshardConflictError)
    await expect(
      first.driver.reshard({ shards: { a: three.a!, b: three.b!, d: d! } }),
    ).rejects.toBeInstanceOf(ReshardConflictError)
    expect(await second.client.send(commandOn('k', 'SET', 'k', 'x'))).toBe('OK')
    await changed
  })

  it('another process continues when the one that moves the remaining keys dies', async () => {
    const [first, second] = [startProcess(THREE), startProcess(THREE)]
    const keys = Array.from({ length: 200 }, (_, i) => `rest:${i}`)
    await Promise.all(keys.map((key) => first.client.send(commandOn(key, 'SET', key, key))))
    await holdSweepLease(THREE, 1_500)
    await Promise.all([reshardTo(first.driver, FOUR), reshardTo(second.driver, FOUR)])
    for (const name of FOUR)
      for (const key of await keysOn(name)) expect(second.driver.shardOf(key)).toBe(name)
    expect(
      await Promise.all(keys.map((key) => second.client.send(commandOn(key, 'GET', key)))),
    ).toEqual(keys)
  })

  it.each([
    ['while its marker exists', 0, 6_000],
    ['after its marker has expired', 2_800, 6_000],
  ])(
    'a process that read an old shard before the key was deleted stores nothing: %s',
    async (_, pause, sweepAfter) => {
      const key = movingKey('a')
      await holdSweepLease(THREE, sweepAfter)
      const first = startProcess(THREE)
      await first.client.send(commandOn(key, 'SET', key, 'old'))
      const shards: Record<string, Driver> = Object.fromEntries(
        FOUR.map((name) => [name, setup().driverAt(name)]),
      )
      const held: (() => void)[] = []
      const { a } = shards as { a: Driver }
      const delayed: Driver = {
        ...a,
        send(commands, options) {
          if (!commands.some(({ args }) => String(args[1]).includes("'DUMP'")))
            return a.send(commands, options)
          const results = a.send(commands)
          const released = Promise.all(results).then(
            () => new Promise<void>((resolve) => held.push(resolve)),
          )
          return sendAfter(released, commands, () => results)
        },
      }
      const slow = shardedDriver({
        shards: { a: delayed, b: shards.b!, c: shards.c! },
        announceFor: 1_000,
      })
      const client = setup().client(slow)
      const changes = [
        reshardTo(first.driver, FOUR),
        slow.reshard({ shards: { ...shards, a: delayed } }),
      ]
      await eventually(() =>
        expect([first.driver.shardOf(key), slow.shardOf(key)]).toEqual(['d', 'd']),
      )
      const read = client.send(commandOn(key, 'GET', key))
      await eventually(() => expect(held).toHaveLength(1))
      expect(await first.client.send(commandOn(key, 'GET', key))).toBe('old')
      expect(await first.client.send(commandOn(key, 'DEL', key))).toBe(1)
      await sleep(pause)
      const releaseTimer = setInterval(() => {
        for (const resume of held.splice(0)) resume()
      }, 10)
      expect(await read).toBe(null)
      expect(await setup().servers.d.cli('EXISTS', key)).toMatch(/^0/)
      await Promise.all(changes)
      clearInterval(releaseTimer)
      await slow.close()
    },
    90_000,
  )
})

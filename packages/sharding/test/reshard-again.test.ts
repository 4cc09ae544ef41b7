import { setTimeout as sleep } from 'node:timers/promises'
import type { Driver } from '@cache/core'
import { sendAfter } from '@cache/testkit'
import { expect, it } from 'vitest'
import { LateReshardError, shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo } = reshardHelpers(setup)

it('a value that a late process left behind is not read when its key comes back', async () => {
  const [first, second] = [startProcess(THREE), startProcess(THREE)]
  const key = movingKey('a')
  await first.client.send(commandOn(key, 'SET', key, 'before'))
  await reshardTo(first.driver, FOUR)
  await first.client.send(commandOn(key, 'SET', key, 'current'))
  await second.client.send(commandOn(key, 'SET', key, 'left behind'))
  await expect(reshardTo(second.driver, FOUR)).rejects.toBeInstanceOf(LateReshardError)
  expect(await second.client.send(commandOn(key, 'GET', key))).toBe('current')
  expect(await setup().servers.a.cli('GET', key)).toBe('left behind')
  await Promise.all([first, second].map(({ driver }) => reshardTo(driver, THREE)))
  for (const { client } of [first, second])
    expect(await client.send(commandOn(key, 'GET', key))).toBe('current')
}, 90_000)

it('a leftover is removed even if the commands to its shard are delayed', async () => {
  const shards: Record<string, Driver> = Object.fromEntries(
    FOUR.map((name) => [name, setup().driverAt(name)]),
  )
  let delays = 0
  const { a, d, ...others } = shards as Record<string, Driver>
  const delayed: Driver = {
    ...a!,
    send(commands, options) {
      const send = () => a!.send(commands, options)
      if (
        delays === 3 ||
        !commands.some(({ args }) => String(args[1]).includes('UNLINK') && args[2] === '1')
      )
        return send()
      delays++
      return sendAfter(sleep(300), commands, send)
    },
  }
  const driver = shardedDriver({
    shards: { ...others, a: delayed, d: d! },
    announceFor: 1_000,
    timeout: 10_000,
  })
  const client = setup().client(driver)
  const key = movingKey('a')
  await client.send(commandOn(key, 'SET', key, 'current'))
  await setup().servers.a.cli('SET', key, 'left behind')
  await driver.reshard({ shards: { ...others, a: delayed } })
  expect(delays).toBe(3)
  expect(await client.send(commandOn(key, 'GET', key))).toBe('current')
  await driver.close()
}, 90_000)

it('a process with the old shards deletes no key in use when the register is lost', async () => {
  const first = startProcess(FOUR)
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => first.client.send(commandOn(key, 'SET', key, key))))
  await reshardTo(first.driver, THREE)
  for (const name of FOUR)
    await setup().servers[name].cli(
      'EVAL',
      "for _, key in ipairs(redis.call('KEYS', '{cache-shards}:*')) do redis.call('DEL', key) end",
      0,
    )
  await reshardTo(startProcess(FOUR).driver, THREE)
  expect(
    await Promise.all(keys.map((key) => first.client.send(commandOn(key, 'GET', key)))),
  ).toEqual(keys)
}, 90_000)

it('shards change there and back, and the next change moves keys again', async () => {
  const [first, second] = [startProcess(THREE), startProcess(THREE)]
  const key = movingKey('a')
  await first.client.send(commandOn(key, 'SET', key, '0'))
  const there = reshardTo(second.driver, FOUR)
  await reshardTo(first.driver, FOUR)
  const back = reshardTo(first.driver, THREE)
  await there
  await Promise.all([back, reshardTo(second.driver, THREE)])
  await first.client.send(commandOn(key, 'SET', key, '1'))
  await Promise.all([first, second].map(({ driver }) => reshardTo(driver, FOUR)))
  for (const { client } of [first, second])
    expect(await client.send(commandOn(key, 'GET', key))).toBe('1')
  await first.client.send(commandOn(key, 'SET', key, '2'))
  expect(await second.client.send(commandOn(key, 'GET', key))).toBe('2')
}, 90_000)

it('a process that starts with the old shards after the change switches at once', async () => {
  const [first, second] = [startProcess(FOUR), startProcess(FOUR)]
  await reshardTo(first.driver, THREE)
  const key = movingKey('a')
  await first.client.send(commandOn(key, 'SET', key, 'current'))
  const register = (await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).trim()
  expect(await setup().servers.a.cli('PTTL', register)).toMatch(/^-1/) // it does not expire
  await reshardTo(second.driver, THREE)
  for (const { client } of [first, second])
    expect(await client.send(commandOn(key, 'GET', key))).toBe('current')
})

it('a change that no process completes expires', async () => {
  const { driver } = startProcess(THREE, 2_000)
  const changed = reshardTo(driver, FOUR).catch((error: unknown) => error)
  let register = ''
  await eventually(async () =>
    expect(
      (register = (await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).trim()),
    ).not.toBe(''),
  )
  await driver.close()
  expect(await changed).toMatchObject({ code: 'CLOSED' })
  expect(Number(await setup().servers.a.cli('PTTL', register))).toBeGreaterThan(0)
})

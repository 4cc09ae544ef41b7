import { setTimeout as sleep } from 'node:timers/promises'
import type { Driver } from '@cache/core'
import { expect, it } from 'vitest'
import { LateReshardError, shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change } = changing(on)

it('what one that was told too late has left in an old place is not taken for current when the key comes back', async () => {
  const [first, second] = [startProcess(THREE), startProcess(THREE)]
  const key = movingKey('a')
  await first.client.send(keyed(key, 'SET', key, 'before'))
  await change(first.driver, FOUR)
  await first.client.send(keyed(key, 'SET', key, 'current'))
  await second.client.send(keyed(key, 'SET', key, 'left behind'))
  await expect(change(second.driver, FOUR)).rejects.toBeInstanceOf(LateReshardError)
  expect(await second.client.send(keyed(key, 'GET', key))).toBe('current')
  expect(await on().servers.a.cli('GET', key)).toBe('left behind')
  await Promise.all([first, second].map(({ driver }) => change(driver, THREE)))
  for (const { client } of [first, second])
    expect(await client.send(keyed(key, 'GET', key))).toBe('current')
}, 60_000)

it('what was left behind is removed, too, when the way to its shard is held up meanwhile', async () => {
  const shards: Record<string, Driver> = Object.fromEntries(
    FOUR.map((name) => [name, on().driverAt(name)]),
  )
  let holdUps = 0
  const { a, d, ...others } = shards as Record<string, Driver>
  const held: Driver = {
    ...a!,
    async send(commands, options = {}) {
      if (
        holdUps < 3 &&
        commands.some(({ args }) => String(args[1]).includes('UNLINK') && args[2] === '1')
      ) {
        holdUps++
        await sleep(300)
      }
      return a!.send(commands, options)
    },
  }
  const driver = shardedDriver({
    shards: { ...others, a: held, d: d! },
    announceFor: 1_000,
    timeout: 10_000,
  })
  const client = on().client(driver)
  const key = movingKey('a')
  await client.send(keyed(key, 'SET', key, 'current'))
  await on().servers.a.cli('SET', key, 'left behind')
  await driver.reshard({ shards: { ...others, a: held } })
  expect(holdUps).toBe(3)
  expect(await client.send(keyed(key, 'GET', key))).toBe('current')
  await driver.close()
}, 60_000)

it('one that still has the old shards when the register is lost deletes nothing that is in use', async () => {
  const first = startProcess(FOUR)
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => first.client.send(keyed(key, 'SET', key, key))))
  await change(first.driver, THREE)
  for (const name of FOUR)
    await on().servers[name].cli(
      'EVAL',
      "for _, key in ipairs(redis.call('KEYS', '{cache-shards}:*')) do redis.call('DEL', key) end",
      0,
    )
  await change(startProcess(FOUR).driver, THREE)
  expect(await Promise.all(keys.map((key) => first.client.send(keyed(key, 'GET', key))))).toEqual(
    keys,
  )
}, 60_000)

it('shards may change there and back while one is still waiting for the end of the first change: the next time they are moved again', async () => {
  const [first, second] = [startProcess(THREE), startProcess(THREE)]
  const key = movingKey('a')
  await first.client.send(keyed(key, 'SET', key, '0'))
  const there = change(second.driver, FOUR)
  await change(first.driver, FOUR)
  const back = change(first.driver, THREE)
  await there
  await Promise.all([back, change(second.driver, THREE)])
  await first.client.send(keyed(key, 'SET', key, '1'))
  await Promise.all([first, second].map(({ driver }) => change(driver, FOUR)))
  for (const { client } of [first, second])
    expect(await client.send(keyed(key, 'GET', key))).toBe('1')
  await first.client.send(keyed(key, 'SET', key, '2'))
  expect(await second.client.send(keyed(key, 'GET', key))).toBe('2')
}, 60_000)

it('one that starts with the old shards when all is over changes at once, whenever that is', async () => {
  const [first, second] = [startProcess(FOUR), startProcess(FOUR)]
  await change(first.driver, THREE)
  const key = movingKey('a')
  await first.client.send(keyed(key, 'SET', key, 'current'))
  const register = (await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).trim()
  expect(await on().servers.a.cli('PTTL', register)).toMatch(/^-1/) // as long as there is one
  await change(second.driver, THREE)
  for (const { client } of [first, second])
    expect(await client.send(keyed(key, 'GET', key))).toBe('current')
})

it('a change that nobody goes through with is forgotten', async () => {
  const { driver } = startProcess(THREE, 2_000)
  const changed = change(driver, FOUR).catch((error: unknown) => error)
  let register = ''
  await soon(async () =>
    expect(
      (register = (await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).trim()),
    ).not.toBe(''),
  )
  await driver.close()
  expect(await changed).toMatchObject({ code: 'CLOSED' })
  expect(Number(await on().servers.a.cli('PTTL', register))).toBeGreaterThan(0)
})

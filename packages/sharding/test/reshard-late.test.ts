import { setTimeout as sleep } from 'node:timers/promises'
import type { Driver } from '@cache/core'
import { sendAfter } from '@cache/testkit'
import { expect, it } from 'vitest'
import { LateReshardError, shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn, holdSweepLease } = reshardHelpers(setup)

/**
 * Starts a process whose commands of this name reach shard a only after `release`, like over a
 * connection that is lost and comes back.
 */
function startSlowProcess(command: string) {
  const shards: Record<string, Driver> = Object.fromEntries(
    FOUR.map((name) => [name, setup().driverAt(name)]),
  )
  const held: (() => void)[] = []
  let open = false
  const { a } = shards as { a: Driver }
  const slow: Driver = {
    ...a,
    send(commands, options) {
      const send = () => a.send(commands, options)
      if (open || !commands.some(({ args }) => args[0] === command)) return send()
      return sendAfter(new Promise<void>((resolve) => held.push(resolve)), commands, send)
    },
  }
  const { d, ...three } = { ...shards, a: slow } as Record<string, Driver>
  const driver = shardedDriver({ shards: three, announceFor: 1_000, timeout: 10_000 })
  return {
    driver,
    client: setup().client(driver),
    held,
    reshardToFour: () => driver.reshard({ shards: { ...three, d: d! } }),
    release() {
      open = true
      for (const resume of held.splice(0)) resume()
    },
  }
}

it.each([
  'before the key is used on its new shard',
  'after the key was used there',
  'after the key was deleted there',
])(
  'a write that reaches an old shard long after the switch, %s, reverts nothing',
  async (when) => {
    const key = movingKey('a')
    const first = startProcess(THREE)
    const late = startSlowProcess('SET')
    await first.client.send(commandOn(key, 'SET', key, 'before'))
    await holdSweepLease(THREE, 6_000)
    const changes = [reshardTo(first.driver, FOUR), late.reshardToFour()]
    await sleep(200)
    const writing = late.client.send(commandOn(key, 'SET', key, 'late'))
    await eventually(() => expect(late.held).toHaveLength(1))
    await eventually(() =>
      expect([first.driver.shardOf(key), late.driver.shardOf(key)]).toEqual(['d', 'd']),
    )
    if (when !== 'before the key is used on its new shard')
      expect(await first.client.send(commandOn(key, 'GET', key))).toBe('before')
    late.release()
    await expect(writing).rejects.toMatchObject({ code: 'RESHARDED' })
    expect(await setup().servers.a.cli('GET', key)).toBe('late')
    if (when === 'after the key was deleted there') {
      expect(await first.client.send(commandOn(key, 'DEL', key))).toBe(1)
      await sleep(2_800) // the marker on the new shard has expired
    }
    // No one was told that the write succeeded. It did if the key had not been moved yet.
    const expected = {
      'before the key is used on its new shard': 'late',
      'after the key was used there': 'before',
      'after the key was deleted there': null,
    }[when]
    for (const { client } of [late, first])
      expect(await client.send(commandOn(key, 'GET', key))).toBe(expected)
    await Promise.all(changes)
    for (const { client } of [late, first])
      expect(await client.send(commandOn(key, 'GET', key))).toBe(expected)
    expect(await keysOn('a')).toEqual([])
    await late.driver.close()
  },
  90_000,
)

it('processes switch soon if the switch time becomes earlier, and are late', async () => {
  const [first, second] = [startProcess(THREE, 20_000), startProcess(THREE, 20_000)]
  const key = movingKey('a')
  await first.client.send(commandOn(key, 'SET', key, 'before'))
  const changes = [first, second].map(({ driver }) =>
    reshardTo(driver, FOUR).then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
  let register = ''
  await eventually(async () =>
    expect(
      (register = (await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).trim()),
    ).not.toBe(''),
  )
  await sleep(500) // both have joined
  await setup().servers.a.cli('HINCRBY', register, 'at', -30_000)
  let reads = 0
  while (first.driver.shardOf(key) === 'a' || second.driver.shardOf(key) === 'a') {
    await Promise.all(
      [first, second].map(({ client }) =>
        client.send(commandOn(key, 'GET', key)).catch(() => undefined),
      ),
    )
    reads++
    await sleep(5)
  }
  expect(reads).toBeGreaterThan(0)
  for (const error of await Promise.all(changes)) expect(error).toBeInstanceOf(LateReshardError)
  for (const { client } of [first, second])
    expect(await client.send(commandOn(key, 'GET', key))).toBe('before')
}, 90_000)

it('a process is late if an old shard answered it after the switch', async () => {
  const key = movingKey('a')
  const first = startProcess(THREE)
  const late = startSlowProcess('SET')
  const changed = reshardTo(first.driver, FOUR)
  const writing = late.client.send(commandOn(key, 'SET', key, 'acknowledged'))
  await eventually(() => expect(late.held).toHaveLength(1))
  await eventually(() => expect(first.driver.shardOf(key)).toBe('d'))
  late.release()
  expect(await writing).toBe('OK')
  await expect(late.reshardToFour()).rejects.toBeInstanceOf(LateReshardError)
  await changed
  await late.driver.close()
})

import { CommandTimeoutError, defineScript } from '@cache/core'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, movingKeys, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, holdSweepLease } = reshardHelpers(setup)

const count = defineScript({
  name: 'count',
  lua: "return redis.call('INCR', KEYS[1])",
  parse: Number,
})

it('the time for which a command is held does not count against its timeout', async () => {
  const { driver, client } = startProcess(THREE)
  const keys = movingKeys(30)
  await Promise.all(keys.map((key) => client.run(count, [key], [])))
  const unsent: string[] = []
  let running = true
  const traffic = keys.map(async (key) => {
    for (; running; await sleep(5)) {
      await client.run(count, [key], [], { timeout: 40 }).catch((error: unknown) => {
        if (error instanceof CommandTimeoutError && error.message.includes('being moved'))
          unsent.push(key)
      })
    }
  })
  await reshardTo(driver, FOUR)
  running = false
  await Promise.all(traffic)
  expect(unsent.length).toBeLessThan(keys.length / 3) // 0 unless the machine stalls
})

it('a command waits for its own shards, not for those of commands sent with it', async () => {
  const { driver, client } = startProcess(THREE, 300, 3_000)
  const [ofA, ofB] = [movingKey('a'), movingKey('b')]
  await Promise.all([ofA, ofB].map((key) => client.send(commandOn(key, 'SET', key, key))))
  await holdSweepLease(THREE, 4_000)
  const changed = reshardTo(driver, FOUR)
  await eventually(() => expect(driver.shardOf(ofA)).toBe('d'))
  await setup().servers.a.pause()
  const settled: unknown[] = []
  const results = driver.send(
    [ofA, ofB].map((key) => commandOn(key, 'GET', key)),
    { timeout: 1_500 },
  )
  for (const [index, result] of results.entries()) void result.then(() => settled.push(index))
  const replies = await Promise.all(results)
  expect(settled).toEqual([1, 0])
  expect(replies).toEqual([expect.any(Error), ofB])
  await setup().servers.a.resume()
  await changed
  expect(await client.send(commandOn(ofA, 'GET', ofA))).toBe(ofA)
})

it('a silent shard with the register does not block commands for other shards', async () => {
  const { driver, client } = startProcess(THREE, 300, 3_000)
  const key = movingKey('b')
  // The process has used the old shards.
  expect(await client.send(commandOn(key, 'GET', key))).toBe(null)
  await setup().servers.a.pause()
  const changed = reshardTo(driver, FOUR).catch((error: unknown) => error)
  expect(await client.send(commandOn(key, 'SET', key, 'x'), { timeout: 1_500 })).toBe('OK')
  await setup().servers.a.resume()
  await changed
})

it('an added shard knows the scripts of this process before it is used', async () => {
  const { driver } = startProcess(THREE)
  const changed = reshardTo(driver, FOUR)
  await eventually(async () =>
    expect(await setup().servers.d.cli('SCRIPT', 'EXISTS', count.sha)).toMatch(/^1/),
  )
  expect(driver.shardOf(movingKey('a'))).toBe('a')
  await changed
})

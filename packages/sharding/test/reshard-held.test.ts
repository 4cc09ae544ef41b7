import { CommandTimeoutError, defineScript } from '@cache/core'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { FOUR, THREE, changing, keyed, movingKey, movingKeys, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keepFromSweeping } = changing(on)

const count = defineScript({
  name: 'count',
  lua: "return redis.call('INCR', KEYS[1])",
  parse: Number,
})

it('what a command is held for does not count against its timeout', async () => {
  const { driver, client } = startProcess(THREE)
  const keys = movingKeys(30)
  await Promise.all(keys.map((key) => client.run(count, [key], [])))
  const unsent: string[] = []
  let going = true
  const traffic = keys.map(async (key) => {
    for (; going; await sleep(5)) {
      await client.run(count, [key], [], { timeout: 40 }).catch((error: unknown) => {
        if (error instanceof CommandTimeoutError && error.message.includes('being moved'))
          unsent.push(key)
      })
    }
  })
  await change(driver, FOUR)
  going = false
  await Promise.all(traffic)
  expect(unsent.length).toBeLessThan(keys.length / 3) // none, unless the machine stops for a while
})

it('a command waits for its own shards, not for those of others that were sent with it', async () => {
  const { driver, client } = startProcess(THREE, 300, 3_000)
  const [ofA, ofB] = [movingKey('a'), movingKey('b')]
  await Promise.all([ofA, ofB].map((key) => client.send(keyed(key, 'SET', key, key))))
  await keepFromSweeping(THREE, 4_000)
  const changed = change(driver, FOUR)
  await soon(() => expect(driver.shardOf(ofA)).toBe('d'))
  await on().servers.a.pause()
  const settled: unknown[] = []
  const replies = await driver.send(
    [ofA, ofB].map((key) => keyed(key, 'GET', key)),
    { timeout: 1_500, settle: (place) => settled.push(place) },
  )
  expect(settled).toEqual([1, 0])
  expect(replies).toEqual([expect.any(Error), ofB])
  await on().servers.a.resume()
  await changed
  expect(await client.send(keyed(ofA, 'GET', ofA))).toBe(ofA)
})

it('a shard that is to say when the moment is, and is silent, keeps nobody from the others', async () => {
  const { driver, client } = startProcess(THREE, 300, 3_000)
  const key = movingKey('b')
  expect(await client.send(keyed(key, 'GET', key))).toBe(null) // it is at work already
  await on().servers.a.pause()
  const changed = change(driver, FOUR).catch((error: unknown) => error)
  expect(await client.send(keyed(key, 'SET', key, 'x'), { timeout: 1_500 })).toBe('OK')
  await on().servers.a.resume()
  await changed
})

it('a shard that comes knows the scripts of this process before it is used', async () => {
  const { driver } = startProcess(THREE)
  const changed = change(driver, FOUR)
  await soon(async () =>
    expect(await on().servers.d.cli('SCRIPT', 'EXISTS', count.sha)).toMatch(/^1/),
  )
  expect(driver.shardOf(movingKey('a'))).toBe('a')
  await changed
})

import { expect, it } from 'vitest'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKeys, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn, holdSweepLease } = reshardHelpers(setup)

it('an added shard relieves full shards, whose moving keys can be used meanwhile', async () => {
  const { driver, client } = startProcess(THREE)
  const keys = movingKeys(30)
  await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
  await holdSweepLease(THREE, 2_500)
  for (const name of THREE) await setup().servers[name].fill()
  const changed = reshardTo(driver, FOUR)
  await eventually(() => expect(driver.shardOf(keys[0]!)).toBe('d'))
  expect(
    await Promise.all(
      keys.slice(0, 10).map((key) => client.send(commandOn(key, 'APPEND', key, '!'))),
    ),
  ).toEqual(keys.slice(0, 10).map((key) => key.length + 1))
  const absent = `{${keys[0]!}}:absent`
  expect(await client.send(commandOn(absent, 'SET', absent, 'x'))).toBe('OK')
  await changed
  for (const name of THREE)
    for (const key of await keysOn(name)) expect(driver.shardOf(key)).toBe(name)
  expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
    keys.map((key, i) => (i < 10 ? `${key}!` : key)),
  )
}, 90_000)

it('a full added shard gets no keys and loses none; absent keys can be used', async () => {
  const { driver, client } = startProcess(THREE)
  const keys = movingKeys(30)
  await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
  const changed = reshardTo(driver, FOUR)
  await setup().servers.d.fill()
  await eventually(() => expect(driver.shardOf(keys[0]!)).toBe('d'))
  for (const key of keys)
    await expect(client.send(commandOn(key, 'GET', key))).rejects.toMatchObject({ code: 'OOM' })
  const absent = `{${keys[0]!}}:absent`
  expect(await client.send(commandOn(absent, 'GET', absent))).toBe(null)
  expect(await client.send(commandOn(absent, 'DEL', absent))).toBe(0)
  expect(await keysOn('d')).toEqual([])
  await setup().servers.d.empty()
  await changed
  expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
    keys,
  )
}, 90_000)

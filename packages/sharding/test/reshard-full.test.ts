import { expect, it } from 'vitest'
import { FOUR, THREE, changing, keyed, movingKeys, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn, keepFromSweeping } = changing(on)

it('shards that are full are relieved by one that comes; meanwhile their moving keys are used', async () => {
  const { driver, client } = startProcess(THREE)
  const keys = movingKeys(30)
  await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
  await keepFromSweeping(THREE, 2_500)
  for (const name of THREE) await on().servers[name].fill()
  const changed = change(driver, FOUR)
  await soon(() => expect(driver.shardOf(keys[0]!)).toBe('d'))
  expect(
    await Promise.all(keys.slice(0, 10).map((key) => client.send(keyed(key, 'APPEND', key, '!')))),
  ).toEqual(keys.slice(0, 10).map((key) => key.length + 1))
  const absent = `{${keys[0]!}}:absent`
  expect(await client.send(keyed(absent, 'SET', absent, 'x'))).toBe('OK')
  await changed
  for (const name of THREE)
    for (const key of await keysOn(name)) expect(driver.shardOf(key)).toBe(name)
  expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(
    keys.map((key, i) => (i < 10 ? `${key}!` : key)),
  )
}, 60_000)

it('a shard that comes, and is full by then, gets no key and loses none; what is not there is read and deleted all the same', async () => {
  const { driver, client } = startProcess(THREE)
  const keys = movingKeys(30)
  await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
  const changed = change(driver, FOUR)
  await on().servers.d.fill()
  await soon(() => expect(driver.shardOf(keys[0]!)).toBe('d'))
  for (const key of keys)
    await expect(client.send(keyed(key, 'GET', key))).rejects.toMatchObject({ code: 'OOM' })
  const absent = `{${keys[0]!}}:absent`
  expect(await client.send(keyed(absent, 'GET', absent))).toBe(null)
  expect(await client.send(keyed(absent, 'DEL', absent))).toBe(0)
  expect(await keysOn('d')).toEqual([])
  await on().servers.d.empty()
  await changed
  expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
}, 60_000)

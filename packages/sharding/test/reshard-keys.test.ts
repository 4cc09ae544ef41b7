import { channels, type CacheError, type Command, type Driver } from '@cache/core'
import { startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import { driverOf } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn, keepFromSweeping } = changing(on)

describe('what is moved', () => {
  it('a key that can’t be moved holds up no other, and is named', async () => {
    const { driver, client } = startProcess(THREE)
    const stuck = movingKey('a')
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all([stuck, ...keys].map((key) => client.send(keyed(key, 'SET', key, key))))
    await on().servers.d.cli(
      'ACL',
      'SETUSER',
      'default',
      'resetkeys',
      '~k*',
      '~{k*',
      '~{cache-shards}*',
    )
    const told: string[] = []
    const listen = (message: unknown) => told.push((message as { error: Error }).error.message)
    channels.error.subscribe(listen)
    const changed = change(driver, FOUR)
    await soon(() => expect(told.filter((message) => message.includes(stuck))).not.toEqual([]))
    for (const name of THREE)
      for (const key of await keysOn(name))
        expect(driver.shardOf(key) === name || key === stuck, key).toBe(true)
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
    await expect(client.send(keyed(stuck, 'GET', stuck))).rejects.toBeInstanceOf(Error)
    await on().servers.d.cli('ACL', 'SETUSER', 'default', 'allkeys')
    await changed
    channels.error.unsubscribe(listen)
    expect(await client.send(keyed(stuck, 'GET', stuck))).toBe(stuck)
  }, 60_000)

  it('keys whose names differ only by braces, or can’t be hash tags, are moved each for itself', async () => {
    const { driver, client } = startProcess(THREE)
    /**
     * A key that took a second to be moved, on a machine that is busy, is to be asked for again.
     */
    const surely = (command: Command): Promise<unknown> =>
      client.send(command).catch((error: CacheError) => {
        expect(error.code).toBe('RESHARDED')
        return surely(command)
      })
    const keys = Array.from({ length: 60 }, (_, i) => [
      `m${i}`,
      `{m${i}}`,
      `{m${i}}:x`,
      `x:{m${i}}`,
      `m${i}}y`,
      `{}m${i}`,
      `m${i}:resharded:x`,
    ]).flat()
    await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
    await keepFromSweeping(THREE, 4_000)
    const changed = change(driver, FOUR)
    await soon(() => expect(driver.shardOf(movingKey('a'))).toBe('d'))
    for (const key of keys.slice(0, 200)) expect(await surely(keyed(key, 'GET', key))).toBe(key)
    await changed
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
  }, 60_000)

  it('an old shard that restarts while it is swept is swept to its end', async () => {
    await using persistent = await startRedis({ aof: 'always' })
    const [a, b, d] = [driverOf(persistent.url, 'a'), on().driverAt('b'), on().driverAt('d')]
    const [from, to] = [
      { a, b },
      { b, d },
    ]
    let restarted = false
    // Between two pages of keys, when nothing is on its way there.
    const slowly: Driver = {
      ...d,
      async send(commands, options = {}) {
        if (
          !restarted &&
          commands.some(({ args }) => args[0] === 'EVAL' && String(args[1]).includes('RESTORE'))
        ) {
          restarted = true
          await persistent.kill()
          await persistent.restart()
        }
        return d.send(commands, options)
      },
    }
    const driver = shardedDriver({ shards: from, announceFor: 300, timeout: 10_000 })
    const client = on().client(driver)
    const keys = Array.from({ length: 2_000 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
    await driver.reshard({ shards: { ...to, d: slowly } })
    expect(restarted).toBe(true)
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys)
    await driver.close()
  }, 60_000)
})

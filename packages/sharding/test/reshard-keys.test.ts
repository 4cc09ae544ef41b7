import { channels, type CacheError, type Command, type Driver } from '@cache/core'
import { startRedis, sendAfter } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import { driverOf } from './drivers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn, holdSweepLease } = reshardHelpers(setup)

describe('moving keys', () => {
  it('a key that can’t be moved holds up no other key, and is reported', async () => {
    const { driver, client } = startProcess(THREE)
    const stuck = movingKey('a')
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all([stuck, ...keys].map((key) => client.send(commandOn(key, 'SET', key, key))))
    await setup().servers.d.cli(
      'ACL',
      'SETUSER',
      'default',
      'resetkeys',
      '~k*',
      '~{k*',
      '~{cache-shards}*',
    )
    const reported: string[] = []
    const listen = (message: unknown) => reported.push((message as { error: Error }).error.message)
    channels.error.subscribe(listen)
    const changed = reshardTo(driver, FOUR)
    await eventually(() =>
      expect(reported.filter((message) => message.includes(stuck))).not.toEqual([]),
    )
    for (const name of THREE)
      for (const key of await keysOn(name))
        expect(driver.shardOf(key) === name || key === stuck, key).toBe(true)
    expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
      keys,
    )
    await expect(client.send(commandOn(stuck, 'GET', stuck))).rejects.toBeInstanceOf(Error)
    await setup().servers.d.cli('ACL', 'SETUSER', 'default', 'allkeys')
    await changed
    channels.error.unsubscribe(listen)
    expect(await client.send(commandOn(stuck, 'GET', stuck))).toBe(stuck)
  }, 90_000)

  it('moves each key whose name differs only by braces, or can’t be a hash tag', async () => {
    const { driver, client } = startProcess(THREE)
    /** Repeats the command for a key that took more than a second to move, on a busy machine. */
    const sendUntilMoved = (command: Command): Promise<unknown> =>
      client.send(command).catch((error: CacheError) => {
        expect(error.code).toBe('RESHARDED')
        return sendUntilMoved(command)
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
    await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
    await holdSweepLease(THREE, 4_000)
    const changed = reshardTo(driver, FOUR)
    await eventually(() => expect(driver.shardOf(movingKey('a'))).toBe('d'))
    for (const key of keys.slice(0, 200))
      expect(await sendUntilMoved(commandOn(key, 'GET', key))).toBe(key)
    await changed
    expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
      keys,
    )
  }, 180_000)

  it('an old shard that restarts during the sweep is swept completely', async () => {
    await using persistent = await startRedis({ aof: 'always' })
    const [a, b, d] = [driverOf(persistent.url, 'a'), setup().driverAt('b'), setup().driverAt('d')]
    const [from, to] = [
      { a, b },
      { b, d },
    ]
    let restarted = false
    // Restarts the server between two pages of keys, when no command is in flight to it.
    const restarting: Driver = {
      ...d,
      send(commands, options) {
        const send = () => d.send(commands, options)
        if (
          restarted ||
          !commands.some(({ args }) => args[0] === 'EVAL' && String(args[1]).includes('RESTORE'))
        )
          return send()
        restarted = true
        return sendAfter(
          persistent.kill().then(() => persistent.restart()),
          commands,
          send,
        )
      },
    }
    const driver = shardedDriver({ shards: from, announceFor: 300, timeout: 10_000 })
    const client = setup().client(driver)
    const keys = Array.from({ length: 2_000 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
    await driver.reshard({ shards: { ...to, d: restarting } })
    expect(restarted).toBe(true)
    expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
      keys,
    )
    await driver.close()
  }, 90_000)
})

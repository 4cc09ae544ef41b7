import { setTimeout as sleep } from 'node:timers/promises'
import { CommandTimeoutError, type CacheError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, holdSweepLease } = reshardHelpers(setup)

describe('the register of changes', () => {
  it('no change begins while a shard is silent, and no process is late afterwards', async () => {
    const processes = [startProcess(THREE, 300, 1_000), startProcess(THREE, 300, 1_000)]
    const key = movingKey('b')
    await setup().servers.b.pause()
    for (const { driver } of processes)
      await expect(reshardTo(driver, FOUR)).rejects.toBeInstanceOf(Error)
    await sleep(400) // longer than announceFor
    await setup().servers.b.resume()
    for (const { client, driver } of processes) {
      expect(driver.shardOf(key)).toBe('b')
      await eventually(async () =>
        expect(await client.send(commandOn(key, 'SET', key, 'x'))).toBe('OK'),
      )
    }
    await Promise.all(processes.map(({ driver }) => reshardTo(driver, FOUR)))
  }, 90_000)

  it.each(['has just started', 'has used the shards'])(
    'without the register nothing changes for a process that %s, and its commands go on',
    async (state) => {
      const { driver, client } = startProcess(THREE, 300, 3_000)
      const [moving, staying] = [movingKey('b'), setup().keyAt('c', setup().driver(FOUR))]
      const user = state === 'has used the shards' ? driver : setup().driver(THREE)
      await user.send([commandOn(moving, 'SET', moving, 'x')])[0]
      await setup().servers.a.pause() // it holds the register
      const changed = reshardTo(driver, FOUR).catch((error: unknown) => error)
      const [first] = await Promise.all(
        driver.send([commandOn(moving, 'GET', moving)], {
          timeout: state === 'has used the shards' ? 1_500 : 50,
        }),
      )
      if (state === 'has used the shards') expect(first).toBe('x')
      else expect(first).toBeInstanceOf(CommandTimeoutError)
      expect(await Promise.all(driver.send([commandOn(staying, 'ECHO', 'on')]))).toEqual(['on'])
      const waiting = client.send(commandOn(moving, 'GET', moving))
      expect(await changed).toBeInstanceOf(Error)
      expect(await waiting).toBe('x')
      expect(driver.shardOf(moving)).toBe('b')
      await setup().servers.a.resume()
      await eventually(() => reshardTo(driver, FOUR))
      expect(await client.send(commandOn(moving, 'GET', moving))).toBe('x')
    },
    90_000,
  )

  it('a register that is lost after all have joined is restored for later processes', async () => {
    const [first, second, third] = [
      startProcess(THREE, 1_000),
      startProcess(THREE, 1_000),
      startProcess(THREE, 1_000),
    ]
    const key = movingKey('a')
    await first.client.send(commandOn(key, 'SET', key, 'x'))
    await holdSweepLease(THREE, 3_000)
    const changes = [reshardTo(first.driver, FOUR), reshardTo(second.driver, FOUR)]
    await eventually(async () =>
      expect(await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await sleep(300) // the other process joins
    await setup().servers.a.cli(
      'EVAL',
      `for _, key in ipairs(redis.call('KEYS', '{cache-shards}:after:*')) do
        redis.call('DEL', key)
      end`,
      0,
    )
    await eventually(() =>
      expect([first.driver.shardOf(key), second.driver.shardOf(key)]).toEqual(['d', 'd']),
    )
    await eventually(async () =>
      expect(await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await Promise.all([...changes, reshardTo(third.driver, FOUR)])
    for (const { client, driver } of [first, second, third]) {
      expect(driver.shardOf(key)).toBe('d')
      expect(await client.send(commandOn(key, 'GET', key))).toBe('x')
    }
  })

  it('keys are read together when the register’s shard is silent at the switch', async () => {
    const { driver, client } = startProcess(THREE, 2_000, 1_000)
    const moving = movingKey('b')
    const staying = Array.from({ length: 1_000 }, (_, i) => `k${i}`).find(
      (key) => driver.shardOf(key) === 'b',
    )!
    const changed = reshardTo(driver, FOUR)
    await eventually(async () =>
      expect(await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await setup().servers.a.pause()
    const failed = new Set<string>()
    const switched = (): boolean => driver.shardOf(moving) === 'd'
    const readAll = async (): Promise<void> => {
      for (const keys of driver.group([moving, staying])) {
        const [reply] = await Promise.all(
          driver.send([{ args: ['MGET', ...keys] as [string, ...string[]], keys }]),
        )
        if (reply instanceof Error) failed.add((reply as CacheError).code)
      }
    }
    const reads: Promise<void>[] = []
    for (
      const until = performance.now() + 5_000;
      performance.now() < until && !switched();
      await sleep(5)
    )
      reads.push(readAll())
    await setup().servers.a.resume()
    await changed
    await Promise.all(reads)
    expect(switched()).toBe(true)
    expect([...failed].filter((code) => code === 'CROSS_SHARD')).toEqual([])
    await client.close()
  }, 90_000)

  it('a change rejects when its driver is closed', async () => {
    const { driver, client } = startProcess(THREE)
    const changed = reshardTo(driver, FOUR)
    await sleep(100)
    await driver.close()
    await expect(changed).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(client.send(commandOn('k', 'GET', 'k'))).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(reshardTo(driver, THREE)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

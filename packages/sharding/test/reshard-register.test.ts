import { setTimeout as sleep } from 'node:timers/promises'
import { CommandTimeoutError, type CacheError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keepFromSweeping } = changing(on)

describe('what is to be agreed upon', () => {
  it('a shard that does not answer when the change is to begin: it does not, for nobody; and nobody is late when it begins later', async () => {
    const processes = [startProcess(THREE, 300, 1_000), startProcess(THREE, 300, 1_000)]
    const key = movingKey('b')
    await on().servers.b.pause()
    for (const { driver } of processes)
      await expect(change(driver, FOUR)).rejects.toBeInstanceOf(Error)
    await sleep(400) // longer than settle
    await on().servers.b.resume()
    for (const { client, driver } of processes) {
      expect(driver.shardOf(key)).toBe('b')
      await soon(async () => expect(await client.send(keyed(key, 'SET', key, 'x'))).toBe('OK'))
    }
    await Promise.all(processes.map(({ driver }) => change(driver, FOUR)))
  }, 60_000)

  it.each(['has just started', 'is at work'])(
    'where nobody can be asked when to change, nothing changes for who %s, and what waited for that goes on',
    async (which) => {
      const { driver, client } = startProcess(THREE, 300, 3_000)
      const [moving, staying] = [movingKey('b'), on().keyAt('c', on().driver(FOUR))]
      await (which === 'is at work' ? driver : on().driver(THREE)).send([
        keyed(moving, 'SET', moving, 'x'),
      ])
      await on().servers.a.pause() // it keeps the register
      const changed = change(driver, FOUR).catch((error: unknown) => error)
      const [first] = await driver.send([keyed(moving, 'GET', moving)], {
        timeout: which === 'is at work' ? 1_500 : 50,
      })
      if (which === 'is at work') expect(first).toBe('x')
      else expect(first).toBeInstanceOf(CommandTimeoutError)
      expect(await driver.send([keyed(staying, 'ECHO', 'on')])).toEqual(['on'])
      const waiting = client.send(keyed(moving, 'GET', moving))
      expect(await changed).toBeInstanceOf(Error)
      expect(await waiting).toBe('x')
      expect(driver.shardOf(moving)).toBe('b')
      await on().servers.a.resume()
      await soon(() => change(driver, FOUR))
      expect(await client.send(keyed(moving, 'GET', moving))).toBe('x')
    },
    60_000,
  )

  it('a register that is lost when all have joined is not missed, and is there again for who comes later', async () => {
    const [first, second, third] = [
      startProcess(THREE, 1_000),
      startProcess(THREE, 1_000),
      startProcess(THREE, 1_000),
    ]
    const key = movingKey('a')
    await first.client.send(keyed(key, 'SET', key, 'x'))
    await keepFromSweeping(THREE, 3_000)
    const changes = [change(first.driver, FOUR), change(second.driver, FOUR)]
    await soon(async () =>
      expect(await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await sleep(300) // the other joins
    await on().servers.a.cli(
      'EVAL',
      "for _, key in ipairs(redis.call('KEYS', '{cache-shards}:after:*')) do redis.call('DEL', key) end",
      0,
    )
    await soon(() =>
      expect([first.driver.shardOf(key), second.driver.shardOf(key)]).toEqual(['d', 'd']),
    )
    await soon(async () =>
      expect(await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await Promise.all([...changes, change(third.driver, FOUR)])
    for (const { client, driver } of [first, second, third]) {
      expect(driver.shardOf(key)).toBe('d')
      expect(await client.send(keyed(key, 'GET', key))).toBe('x')
    }
  })

  it('the shard with the register is silent at the moment: what is read together still is', async () => {
    const { driver, client } = startProcess(THREE, 2_000, 1_000)
    const going = movingKey('b')
    const staying = Array.from({ length: 1_000 }, (_, i) => `k${i}`).find(
      (key) => driver.shardOf(key) === 'b',
    )!
    const changed = change(driver, FOUR)
    await soon(async () =>
      expect(await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    await on().servers.a.pause()
    const failed = new Set<string>()
    const switched = (): boolean => driver.shardOf(going) === 'd'
    const readAll = async (): Promise<void> => {
      for (const keys of driver.group([going, staying])) {
        const [reply] = await driver.send([
          { args: ['MGET', ...keys] as [string, ...string[]], keys },
        ])
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
    await on().servers.a.resume()
    await changed
    await Promise.all(reads)
    expect(switched()).toBe(true)
    expect([...failed].filter((code) => code === 'CROSS_SHARD')).toEqual([])
    await client.close()
  }, 60_000)

  it('a driver that is closed meanwhile says so', async () => {
    const { driver, client } = startProcess(THREE)
    const changed = change(driver, FOUR)
    await sleep(100)
    await driver.close()
    await expect(changed).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(client.send(keyed('k', 'GET', 'k'))).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(change(driver, THREE)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidOptionError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { ShardNotEmptyError } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, holdSweepLease } = reshardHelpers(setup)

describe('a reshard with failing shards', () => {
  it('refuses to add a shard that holds keys, and nothing changes', async () => {
    const { driver, client } = startProcess(THREE)
    await setup().servers.d.cli('SET', 'left:over', 'x')
    const changed = reshardTo(driver, FOUR)
    await expect(changed).rejects.toBeInstanceOf(ShardNotEmptyError)
    await expect(changed).rejects.toMatchObject({ shard: 'd', key: 'left:over' })
    for (let i = 0; i < 50; i++)
      expect(await client.send(commandOn(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    expect(driver.shardOf(movingKey('a'))).toBe('a')
    await setup().servers.d.flush()
    await reshardTo(driver, FOUR)
  })

  it('moves all keys except those of a shard that is lost', async () => {
    const { driver, client } = startProcess(THREE)
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => client.send(commandOn(key, 'SET', key, key))))
    const held = keys.map((key) => driver.shardOf(key) !== 'c')
    await setup().servers.c.kill()
    const next = { shards: setup().shardsOf(driver, ['a', 'b', 'd']) }
    for (const lost of [['x'], 'c', [1]])
      await expect(driver.reshard(next, { lost } as never)).rejects.toBeInstanceOf(
        InvalidOptionError,
      )
    await driver.reshard(next, { lost: ['c'] })
    expect(await Promise.all(keys.map((key) => client.send(commandOn(key, 'GET', key))))).toEqual(
      keys.map((key, i) => (held[i] ? key : null)),
    )
  })

  it('a silent old shard blocks only its own keys until it is back', async () => {
    const { driver, client } = startProcess(THREE, 300, 1_000)
    const [ofA, ofB] = [movingKey('a'), movingKey('b')]
    await Promise.all([ofA, ofB].map((key) => client.send(commandOn(key, 'SET', key, key))))
    await holdSweepLease(THREE, 3_000)
    const changed = reshardTo(driver, FOUR)
    await eventually(() => expect(driver.shardOf(ofA)).toBe('d'))
    await setup().servers.b.pause()
    expect(await client.send(commandOn(ofA, 'GET', ofA))).toBe(ofA)
    await expect(
      client.send(commandOn(ofB, 'SET', ofB, 'new'), { timeout: 300 }),
    ).rejects.toBeInstanceOf(Error)
    for (let i = 0; i < 100; i++)
      if (driver.shardOf(`k${i}`) === 'c')
        expect(await client.send(commandOn(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    await setup().servers.b.resume()
    await eventually(async () =>
      expect(await client.send(commandOn(ofB, 'GET', ofB), { timeout: 2_000 })).toBe(ofB),
    )
    await changed
  }, 90_000)

  it('does not add a silent shard, and blocks no key that would have moved there', async () => {
    const { driver, client } = startProcess(THREE, 300, 1_000)
    const key = movingKey('a')
    await setup().servers.d.pause()
    let ended: unknown
    reshardTo(driver, FOUR).then(
      () => {
        ended = 'changed'
      },
      (error: unknown) => {
        ended = error
      },
    )
    while (ended === undefined) {
      expect(await client.send(commandOn(key, 'SET', key, 'x'), { timeout: 800 })).toBe('OK')
      await sleep(10)
    }
    expect(ended).toBeInstanceOf(Error)
    expect(driver.shardOf(key)).toBe('a')
  })

  it('a shard that dies during a change can be declared lost', async () => {
    const [first, second] = [startProcess(THREE, 300, 1_000), startProcess(THREE, 300, 1_000)]
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => first.client.send(commandOn(key, 'SET', key, key))))
    const held = keys.map((key) => first.driver.shardOf(key) !== 'a')
    await holdSweepLease(THREE, 1_000)
    const changes = [reshardTo(first.driver, FOUR), reshardTo(second.driver, FOUR)]
    await eventually(() =>
      expect([first, second].map(({ driver }) => driver.shardOf(movingKey('a')))).toEqual([
        'd',
        'd',
      ]),
    )
    await setup().servers.a.kill() // it also holds the register
    const next = { shards: setup().shardsOf(first.driver, FOUR) }
    for (const { driver } of [first, second])
      changes.push(driver.reshard({ shards: setup().shardsOf(driver, FOUR) }, { lost: ['a'] }))
    await expect(first.driver.reshard(next, { lost: ['x'] })).rejects.toBeInstanceOf(
      InvalidOptionError,
    )
    await Promise.all(changes)
    for (const { client } of [first, second]) {
      for (const [i, key] of keys.entries())
        if (held[i]) expect(await client.send(commandOn(key, 'GET', key))).toBe(key)
      const key = movingKey('a')
      await client.send(commandOn(key, 'SET', key, 'new'))
      expect(await client.send(commandOn(key, 'GET', key))).toBe('new')
    }
  }, 90_000)

  it('a new subscription does not depend on a shard that is refused meanwhile', async () => {
    const { driver } = startProcess(THREE)
    await setup().servers.d.cli('SET', 'left:over', 'x')
    const changed = expect(reshardTo(driver, FOUR)).rejects.toBeInstanceOf(ShardNotEmptyError)
    const received: string[] = []
    const subscription = await driver.subscribe(['news'], {
      message: () => undefined,
      gap: () => received.push('gap'),
      live: () => received.push('live'),
    })
    await changed
    await setup().servers.d.kill()
    await Promise.all(driver.send([{ args: ['PUBLISH', 'news', 'x'], keys: [] }]))
    await sleep(300)
    expect(received).toEqual([])
    await subscription.close()
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidOptionError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { ShardNotEmptyError } from '../src/index.js'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keepFromSweeping } = changing(on)

describe('trouble', () => {
  it('a shard that holds keys is not added, and nothing changes', async () => {
    const { driver, client } = startProcess(THREE)
    await on().servers.d.cli('SET', 'left:over', 'x')
    const changed = change(driver, FOUR)
    await expect(changed).rejects.toBeInstanceOf(ShardNotEmptyError)
    await expect(changed).rejects.toMatchObject({ shard: 'd', key: 'left:over' })
    for (let i = 0; i < 50; i++)
      expect(await client.send(keyed(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    expect(driver.shardOf(movingKey('a'))).toBe('a')
    await on().servers.d.flush()
    await change(driver, FOUR)
  })

  it('a shard that is lost is left without what it held; the rest is moved', async () => {
    const { driver, client } = startProcess(THREE)
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => client.send(keyed(key, 'SET', key, key))))
    const held = keys.map((key) => driver.shardOf(key) !== 'c')
    await on().servers.c.kill()
    const next = { shards: on().shardsOf(driver, ['a', 'b', 'd']) }
    for (const lost of [['x'], 'c', [1]])
      await expect(driver.reshard(next, { lost } as never)).rejects.toBeInstanceOf(
        InvalidOptionError,
      )
    await driver.reshard(next, { lost: ['c'] })
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(
      keys.map((key, i) => (held[i] ? key : null)),
    )
  })

  it('an old shard that does not answer keeps its keys waiting, not the others; when it is back all is there, and the change ends', async () => {
    const { driver, client } = startProcess(THREE, 300, 1_000)
    const [ofA, ofB] = [movingKey('a'), movingKey('b')]
    await Promise.all([ofA, ofB].map((key) => client.send(keyed(key, 'SET', key, key))))
    await keepFromSweeping(THREE, 3_000)
    const changed = change(driver, FOUR)
    await soon(() => expect(driver.shardOf(ofA)).toBe('d'))
    await on().servers.b.pause()
    expect(await client.send(keyed(ofA, 'GET', ofA))).toBe(ofA)
    await expect(
      client.send(keyed(ofB, 'SET', ofB, 'new'), { timeout: 300 }),
    ).rejects.toBeInstanceOf(Error)
    for (let i = 0; i < 100; i++)
      if (driver.shardOf(`k${i}`) === 'c')
        expect(await client.send(keyed(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    await on().servers.b.resume()
    await soon(async () =>
      expect(await client.send(keyed(ofB, 'GET', ofB), { timeout: 2_000 })).toBe(ofB),
    )
    await changed
  }, 60_000)

  it('a shard to be added that does not answer is not added, and holds up no key that was to go there', async () => {
    const { driver, client } = startProcess(THREE, 300, 1_000)
    const key = movingKey('a')
    await on().servers.d.pause()
    let ended: unknown
    change(driver, FOUR).then(
      () => {
        ended = 'changed'
      },
      (error: unknown) => {
        ended = error
      },
    )
    while (ended === undefined) {
      expect(await client.send(keyed(key, 'SET', key, 'x'), { timeout: 800 })).toBe('OK')
      await sleep(10)
    }
    expect(ended).toBeInstanceOf(Error)
    expect(driver.shardOf(key)).toBe('a')
  })

  it('a shard that dies in the middle of a change, for good, can be given up: the rest is moved', async () => {
    const [first, second] = [startProcess(THREE, 300, 1_000), startProcess(THREE, 300, 1_000)]
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    await Promise.all(keys.map((key) => first.client.send(keyed(key, 'SET', key, key))))
    const held = keys.map((key) => first.driver.shardOf(key) !== 'a')
    await keepFromSweeping(THREE, 1_000)
    const changes = [change(first.driver, FOUR), change(second.driver, FOUR)]
    await soon(() =>
      expect([first, second].map(({ driver }) => driver.shardOf(movingKey('a')))).toEqual([
        'd',
        'd',
      ]),
    )
    await on().servers.a.kill() // which keeps the register as well
    const next = { shards: on().shardsOf(first.driver, FOUR) }
    for (const { driver } of [first, second])
      changes.push(driver.reshard({ shards: on().shardsOf(driver, FOUR) }, { lost: ['a'] }))
    await expect(first.driver.reshard(next, { lost: ['x'] })).rejects.toBeInstanceOf(
      InvalidOptionError,
    )
    await Promise.all(changes)
    for (const { client } of [first, second]) {
      for (const [i, key] of keys.entries())
        if (held[i]) expect(await client.send(keyed(key, 'GET', key))).toBe(key)
      const key = movingKey('a')
      await client.send(keyed(key, 'SET', key, 'new'))
      expect(await client.send(keyed(key, 'GET', key))).toBe('new')
    }
  }, 60_000)

  it('who begins to listen while a shard is refused does not wait for that one', async () => {
    const { driver } = startProcess(THREE)
    await on().servers.d.cli('SET', 'left:over', 'x')
    const changed = expect(change(driver, FOUR)).rejects.toBeInstanceOf(ShardNotEmptyError)
    const heard: string[] = []
    const subscription = await driver.subscribe(['news'], {
      message: () => undefined,
      gap: () => heard.push('gap'),
      live: () => heard.push('live'),
    })
    await changed
    await on().servers.d.kill()
    await driver.send([{ args: ['PUBLISH', 'news', 'x'], keys: [] }])
    await sleep(300)
    expect(heard).toEqual([])
    await subscription.close()
  })
})

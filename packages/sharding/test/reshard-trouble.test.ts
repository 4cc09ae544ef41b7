import { setTimeout as sleep } from 'node:timers/promises'
import { CommandTimeoutError, InvalidOptionError, createCacheClient } from '@cache/core'
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
    for (let i = 0; i < 50; i++) expect(await client.send(keyed(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
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
    for (const lost of [['x'], 'c', [1]]) await expect(driver.reshard(next, { lost } as never)).rejects.toBeInstanceOf(InvalidOptionError)
    await driver.reshard(next, { lost: ['c'] })
    expect(await Promise.all(keys.map((key) => client.send(keyed(key, 'GET', key))))).toEqual(keys.map((key, i) => (held[i] ? key : null)))
  })

  it('an old shard that does not answer keeps its keys waiting, not the others; when it is back all is there, and the change ends', async () => {
    const { driver } = startProcess(THREE, 300, 1_000)
    const client = createCacheClient(driver, { resilience: { readTimeout: 300, writeTimeout: 300 } })
    const [ofA, ofB] = [movingKey('a'), movingKey('b')]
    await Promise.all([ofA, ofB].map((key) => client.send(keyed(key, 'SET', key, key))))
    await keepFromSweeping(THREE, 3_000)
    const changed = change(driver, FOUR)
    await soon(() => expect(driver.shardOf(ofA)).toBe('d'))
    await on().servers.b.pause()
    expect(await client.send(keyed(ofA, 'GET', ofA))).toBe(ofA)
    await expect(client.send(keyed(ofB, 'SET', ofB, 'new'))).rejects.toBeInstanceOf(Error)
    for (let i = 0; i < 100; i++) if (driver.shardOf(`k${i}`) === 'c') expect(await client.send(keyed(`k${i}`, 'SET', `k${i}`, 'x'))).toBe('OK')
    await on().servers.b.resume()
    await soon(async () => expect(await client.send(keyed(ofB, 'GET', ofB))).toBe(ofB))
    await changed
  }, 60_000)

  it('a shard to be added that does not answer is not added, and holds up no key that was to go there', async () => {
    const { driver, client } = startProcess(THREE, 300, 1_000)
    const key = movingKey('a')
    await on().servers.d.pause()
    let ended: unknown
    change(driver, FOUR).then(() => { ended = 'changed' }, (error: unknown) => { ended = error })
    while (ended === undefined) {
      expect(await client.send(keyed(key, 'SET', key, 'x'), { timeout: 800 })).toBe('OK')
      await sleep(10)
    }
    expect(ended).toBeInstanceOf(Error)
    expect(driver.shardOf(key)).toBe('a')
  })

  it('a shard that does not answer when the change is to begin: it does not, for nobody; and nobody is late when it begins later', async () => {
    const processes = [startProcess(THREE, 300, 1_000), startProcess(THREE, 300, 1_000)]
    const key = movingKey('b')
    await on().servers.b.pause()
    for (const { driver } of processes) await expect(change(driver, FOUR)).rejects.toBeInstanceOf(Error)
    await sleep(400) // longer than settle
    await on().servers.b.resume()
    for (const { client, driver } of processes) {
      expect(driver.shardOf(key)).toBe('b')
      await soon(async () => expect(await client.send(keyed(key, 'SET', key, 'x'))).toBe('OK'))
    }
    await Promise.all(processes.map(({ driver }) => change(driver, FOUR)))
  }, 60_000)

  it('where nobody can be asked when to change, nothing changes, and what waited for that goes on', async () => {
    const { driver, client } = startProcess(THREE, 300, 1_000)
    const [moving, staying] = [movingKey('b'), on().keyAt('c', on().driver(FOUR))]
    await driver.send([keyed(moving, 'SET', moving, 'x')])
    await on().servers.a.pause() // it keeps the register
    const changed = change(driver, FOUR).catch((error: unknown) => error)
    const [late] = await driver.send([keyed(moving, 'GET', moving)], { timeout: 50 })
    expect(late).toBeInstanceOf(CommandTimeoutError)
    expect(await driver.send([keyed(staying, 'ECHO', 'on')])).toEqual(['on'])
    const waiting = client.send(keyed(moving, 'GET', moving))
    expect(await changed).toBeInstanceOf(Error)
    expect(await waiting).toBe('x')
    expect(driver.shardOf(moving)).toBe('b')
    await on().servers.a.resume()
    await soon(() => change(driver, FOUR))
    expect(await client.send(keyed(moving, 'GET', moving))).toBe('x')
  }, 60_000)

  it('a register that is lost when all have joined is not missed', async () => {
    const [first, second] = [startProcess(THREE, 1_000), startProcess(THREE, 1_000)]
    const key = movingKey('a')
    await first.client.send(keyed(key, 'SET', key, 'x'))
    const changes = [change(first.driver, FOUR), change(second.driver, FOUR)]
    await sleep(500)
    expect(Number(await on().servers.a.cli('DBSIZE'))).toBeGreaterThan(1)
    await on().servers.a.cli('EVAL', "for _, key in ipairs(redis.call('KEYS', '{cache-shards}:after:*')) do redis.call('DEL', key) end", 0)
    await Promise.all(changes)
    expect(await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).toBe('')
    for (const { client, driver } of [first, second]) {
      expect(driver.shardOf(key)).toBe('d')
      expect(await client.send(keyed(key, 'GET', key))).toBe('x')
    }
  })

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

import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import { driverOf } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn, keepFromSweeping } = changing(on)

describe.each([
  ['b', 'node-redis', 'was deleted'],
  ['c', 'ioredis', 'is used'],
] as const)('on %s, which is reached over %s', (name, _, when) => {
  it(`an acquire that reaches the old shard when its key ${when} in the new one acquires nothing`, async () => {
    const key = movingKey(name)
    const acquire = (who: string) => keyed(key, 'SET', key, who, 'NX', 'PX', '600000')
    await using proxy = await startProxy(on().servers[name])
    const opened: { end(): unknown }[] = []
    const shards = Object.fromEntries(
      FOUR.map((one) => [
        one,
        one === name ? driverOf(proxy.url, one, opened) : on().driverAt(one),
      ]),
    )
    const { d, ...three } = shards
    const late = shardedDriver({ shards: three, announceFor: 1_500, timeout: 10_000 })
    const first = startProcess(THREE, 1_500)
    await late.send([keyed(key, 'PING')])
    await keepFromSweeping(THREE, 5_000)
    const changes = [change(first.driver, FOUR), late.reshard({ shards: { ...three, d: d! } })]
    await sleep(300)
    const held = proxy.hold()
    expect((await late.send([acquire('late')], { timeout: 300 }))[0]).toBeInstanceOf(Error)
    expect(held.bytes).toBeGreaterThan(0)
    await soon(() => expect([first.driver.shardOf(key), late.shardOf(key)]).toEqual(['d', 'd']))
    expect(await first.client.send(acquire('first'))).toBe('OK')
    if (when === 'was deleted') expect(await first.client.send(keyed(key, 'DEL', key))).toBe(1)
    await held.deliver()
    proxy.drop() // ioredis sends it once more
    expect(await on().servers[name].cli('GET', key)).toBe('late')
    const expected = when === 'is used' ? 'first' : null
    expect(await first.client.send(keyed(key, 'GET', key))).toBe(expected)
    expect(await late.send([keyed(key, 'GET', key)], { timeout: 5_000 })).toEqual([expected])
    await Promise.all(changes)
    expect(await first.client.send(keyed(key, 'GET', key))).toBe(expected)
    expect(await keysOn(name)).toEqual([])
    await late.close()
    for (const one of opened) await one.end()
  }, 60_000)

  it('a primary that was demoted while keys are moved gives none of them away', async () => {
    const key = movingKey(name)
    const { driver, client } = startProcess(THREE, 300)
    await client.send(keyed(key, 'SET', key, 'x'))
    await keepFromSweeping(THREE, 9_000)
    const changed = change(driver, FOUR)
    await soon(() => expect(driver.shardOf(key)).toBe('d'))
    await on().servers[name].cli('REPLICAOF', '127.0.0.1', 1)
    await expect(client.send(keyed(key, 'GET', key), { timeout: 1_000 })).rejects.toBeInstanceOf(
      Error,
    )
    expect(await keysOn('d')).toEqual([])
    await on().servers[name].cli('REPLICAOF', 'NO', 'ONE')
    await soon(async () =>
      expect(await client.send(keyed(key, 'GET', key), { timeout: 1_000 })).toBe('x'),
    )
    await driver.close()
    await changed.catch(() => undefined)
  }, 60_000)
})

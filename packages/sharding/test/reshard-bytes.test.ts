import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { FOUR, THREE, movingKey, reshardHelpers } from './reshard-helpers.js'
import { driverOf, type OpenClient } from './drivers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn, holdSweepLease } = reshardHelpers(setup)

describe.each([
  ['b', 'node-redis', 'was deleted'],
  ['c', 'ioredis', 'is used'],
] as const)('on shard %s, over %s', (name, _, when) => {
  it(`an acquire fails on the old shard when its key ${when} on the new one`, async () => {
    const key = movingKey(name)
    const acquire = (owner: string) => commandOn(key, 'SET', key, owner, 'NX', 'PX', '600000')
    await using proxy = await startProxy(setup().servers[name])
    const opened: OpenClient[] = []
    const shards = Object.fromEntries(
      FOUR.map((shard) => [
        shard,
        shard === name ? driverOf(proxy.url, shard, opened) : setup().driverAt(shard),
      ]),
    )
    const { d, ...three } = shards
    const late = shardedDriver({ shards: three, announceFor: 2_500, timeout: 10_000 })
    const first = startProcess(THREE, 2_500)
    await Promise.all(late.send([commandOn(key, 'PING')]))
    await holdSweepLease(THREE, 8_000)
    const changes = [late.reshard({ shards: { ...three, d: d! } })]
    // The register exists when `late` has joined. From then on it needs no reply through the proxy.
    await eventually(async () =>
      expect(await setup().servers.a.cli('KEYS', '{cache-shards}:after:*')).not.toBe(''),
    )
    changes.push(reshardTo(first.driver, FOUR))
    await sleep(100)
    const held = proxy.hold()
    expect((await Promise.all(late.send([acquire('late')], { timeout: 300 })))[0]).toBeInstanceOf(
      Error,
    )
    expect(held.bytes).toBeGreaterThan(0)
    await eventually(() =>
      expect([first.driver.shardOf(key), late.shardOf(key)]).toEqual(['d', 'd']),
    )
    expect(await first.client.send(acquire('first'))).toBe('OK')
    if (when === 'was deleted') expect(await first.client.send(commandOn(key, 'DEL', key))).toBe(1)
    await held.deliver()
    proxy.drop() // ioredis sends the command again
    expect(await setup().servers[name].cli('GET', key)).toBe('late')
    const expected = when === 'is used' ? 'first' : null
    expect(await first.client.send(commandOn(key, 'GET', key))).toBe(expected)
    expect(await Promise.all(late.send([commandOn(key, 'GET', key)], { timeout: 5_000 }))).toEqual([
      expected,
    ])
    await Promise.all(changes)
    expect(await first.client.send(commandOn(key, 'GET', key))).toBe(expected)
    expect(await keysOn(name)).toEqual([])
    await late.close()
    for (const client of opened) await client.close()
  }, 90_000)

  it('a primary that is demoted while keys are moved gives none of them away', async () => {
    const key = movingKey(name)
    const { driver, client } = startProcess(THREE, 300)
    await client.send(commandOn(key, 'SET', key, 'x'))
    await holdSweepLease(THREE, 9_000)
    const changed = reshardTo(driver, FOUR)
    await eventually(() => expect(driver.shardOf(key)).toBe('d'))
    await setup().servers[name].cli('REPLICAOF', '127.0.0.1', 1)
    await expect(
      client.send(commandOn(key, 'GET', key), { timeout: 1_000 }),
    ).rejects.toBeInstanceOf(Error)
    expect(await keysOn('d')).toEqual([])
    await setup().servers[name].cli('REPLICAOF', 'NO', 'ONE')
    await eventually(async () =>
      expect(await client.send(commandOn(key, 'GET', key), { timeout: 1_000 })).toBe('x'),
    )
    await driver.close()
    await changed.catch(() => undefined)
  }, 90_000)
})

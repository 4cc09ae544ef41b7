import { startProxy } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { shardedDriver } from '../src/index.js'
import { commandOn, eventually } from './commands.js'
import { THREE } from './reshard-helpers.js'
import { driverOf, type OpenClient } from './drivers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c')

describe.each([
  ['a', 'b', 'ioredis'],
  ['b', 'a', 'node-redis'],
] as const)('shard %s, next to %s, over %s', (name, other, _) => {
  it('half open: only its own commands fail, until it is reached again', async () => {
    await using proxy = await startProxy(setup().servers[name])
    const opened: OpenClient[] = []
    const shards = Object.fromEntries(
      THREE.map((shard) => [
        shard,
        shard === name ? driverOf(proxy.url, shard, opened) : setup().driverAt(shard),
      ]),
    )
    const driver = shardedDriver({ shards, breaker: { cooldown: 200 } })
    const [key, beside] = [setup().keyAt(name, driver), setup().keyAt(other, driver)]
    expect(
      await Promise.all(
        driver.send([commandOn(key, 'SET', key, 'x'), commandOn(beside, 'SET', beside, 'y')]),
      ),
    ).toEqual(['OK', 'OK'])
    proxy.delay(150)
    const impatient: unknown[] = []
    for (let i = 0; i < 10; i++)
      impatient.push(
        (await Promise.all(driver.send([commandOn(key, 'GET', key)], { timeout: 20 })))[0],
      )
    // more timeouts than open a breaker
    expect(impatient.filter((reply) => reply instanceof Error).length).toBeGreaterThan(5)
    // the shard is slow but not down, so the breaker is closed
    expect(
      await Promise.all(driver.send([commandOn(key, 'GET', key)], { timeout: 5_000 })),
    ).toEqual(['x'])
    proxy.delay(0)

    proxy.halfOpen()
    let isBack = false
    const waiting = eventually(async () => {
      expect(
        await Promise.all(driver.send([commandOn(key, 'GET', key)], { timeout: 300 })),
      ).toEqual(['x'])
      isBack = true
    })
    for (let i = 0; i < 20 || !isBack; i++)
      expect(
        await Promise.all(driver.send([commandOn(beside, 'GET', beside)], { timeout: 5_000 })),
      ).toEqual(['y'])
    await waiting
    await driver.close()
    for (const client of opened) await client.close()
  }, 90_000)

  it('silent during a subscribe: a closed driver leaves no subscription behind', async () => {
    const driver = setup().driver(THREE)
    await Promise.all(driver.send([commandOn(setup().keyAt(name, driver), 'PING')]))
    await setup().servers[name].pause()
    const subscribing = expect(
      driver.subscribe(['news'], {
        message: () => undefined,
        gap: () => undefined,
        live: () => undefined,
      }),
    ).rejects.toBeInstanceOf(Error)
    await eventually(async () =>
      expect(await setup().servers[other].cli('PUBSUB', 'NUMSUB', 'news')).toMatch(/1\s*$/),
    )
    await driver.close()
    await setup().servers[name].resume()
    await subscribing
    for (const shard of THREE)
      await eventually(async () =>
        expect(await setup().servers[shard].cli('PUBSUB', 'NUMSUB', 'news')).toMatch(/\b0\s*$/),
      )
  }, 90_000)
})

import { startProxy } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { shardedDriver } from '../src/index.js'
import { THREE, keyed, soon } from './changing.js'
import { driverOf } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c')

describe.each([
  ['a', 'b', 'ioredis'],
  ['b', 'a', 'node-redis'],
] as const)('shard %s, beside %s, over %s', (name, other, _) => {
  it('half open: its commands fail until it is reached again, within seconds; nobody else waits, and no caller’s deadline closes it', async () => {
    await using proxy = await startProxy(on().servers[name])
    const opened: { end(): unknown }[] = []
    const shards = Object.fromEntries(
      THREE.map((one) => [
        one,
        one === name ? driverOf(proxy.url, one, opened) : on().driverAt(one),
      ]),
    )
    const driver = shardedDriver({ shards, breaker: { cooldown: 200 } })
    const [key, beside] = [on().keyAt(name, driver), on().keyAt(other, driver)]
    expect(
      await driver.send([keyed(key, 'SET', key, 'x'), keyed(beside, 'SET', beside, 'y')]),
    ).toEqual(['OK', 'OK'])
    proxy.delay(150)
    const impatient: unknown[] = []
    for (let i = 0; i < 10; i++)
      impatient.push((await driver.send([keyed(key, 'GET', key)], { timeout: 20 }))[0])
    // more than open a breaker
    expect(impatient.filter((reply) => reply instanceof Error).length).toBeGreaterThan(5)
    // it is slow, and not out
    expect(await driver.send([keyed(key, 'GET', key)], { timeout: 5_000 })).toEqual(['x'])
    proxy.delay(0)

    proxy.halfOpen()
    let back = false
    const waiting = soon(async () => {
      expect(await driver.send([keyed(key, 'GET', key)], { timeout: 300 })).toEqual(['x'])
      back = true
    })
    for (let i = 0; i < 20 || !back; i++)
      expect(await driver.send([keyed(beside, 'GET', beside)], { timeout: 5_000 })).toEqual(['y'])
    await waiting
    await driver.close()
    for (const one of opened) await one.end()
  }, 60_000)

  it('silent while somebody begins to listen: once the driver is closed nobody listens, also when it answers again', async () => {
    const driver = on().driver(THREE)
    await driver.send([keyed(on().keyAt(name, driver), 'PING')])
    await on().servers[name].pause()
    const subscribing = expect(
      driver.subscribe(['news'], {
        message: () => undefined,
        gap: () => undefined,
        live: () => undefined,
      }),
    ).rejects.toBeInstanceOf(Error)
    await soon(async () =>
      expect(await on().servers[other].cli('PUBSUB', 'NUMSUB', 'news')).toMatch(/1\s*$/),
    )
    await driver.close()
    await on().servers[name].resume()
    await subscribing
    for (const one of THREE)
      await soon(async () =>
        expect(await on().servers[one].cli('PUBSUB', 'NUMSUB', 'news')).toMatch(/\b0\s*$/),
      )
  }, 60_000)
})

import { eventually, startProxy, startRedisSentinel } from '@cache/testkit'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSentinel } from 'redis'
import { expect, it } from 'vitest'
import type { Driver } from '../../src/index.js'
import { nodeRedisDriver } from '../../src/drivers/node-redis/driver.js'
import { answer, on, recovered } from './clients.js'

it('node-redis sends commands although its Sentinel answers slower than it is asked', async () => {
  await using servers = await startRedisSentinel({ sentinels: 1, downAfter: 60_000 })
  await using proxy = await startProxy(servers.sentinels[0]!)
  await using client = closable(
    createSentinel({
      name: servers.name,
      sentinelRootNodes: [{ host: proxy.host, port: proxy.port }],
      scanInterval: 100,
    }),
  )
  await using driver = closable(nodeRedisDriver(client))
  await recovered(driver)

  proxy.delay(150)
  await eventually(() => answersFor(driver, 3_000), { within: 40_000 })

  const promoted = await servers.failover()
  await eventually(async () => (await answer(driver, on('k', 'SET', 'k', 'v'))) === 'OK', {
    within: 20_000,
  })
  expect(await promoted.cli('GET', 'k')).toBe('v')
}, 120_000)

/** Returns whether all commands are answered for some milliseconds. */
async function answersFor(driver: Driver, ms: number): Promise<boolean> {
  const until = performance.now() + ms
  while (performance.now() < until) {
    if ((await answer(driver, on('k', 'ECHO', 'on'), 1_000)) !== 'on') return false
    await sleep(50)
  }
  return true
}

function closable<T extends object>(
  closed: T & ({ close(): Promise<void> } | { destroy(): Promise<void> }),
): T & AsyncDisposable {
  return Object.assign(closed, {
    [Symbol.asyncDispose]: () => ('destroy' in closed ? closed.destroy() : closed.close()),
  })
}

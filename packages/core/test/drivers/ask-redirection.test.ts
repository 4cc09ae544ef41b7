import { startRedisCluster } from '@cache/testkit'
import { Cluster as Cluster6 } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { expect, it } from 'vitest'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { slot } from '../../src/client/keys.js'
import { CacheError } from '../../src/errors.js'

it.each([
  ['ioredis 6', Cluster6],
  ['ioredis 5', Cluster5],
])('a connection lost after ASK rejects only the command, on %s', async (_, Cluster) => {
  const rejections: unknown[] = []
  const note = (error: unknown): void => void rejections.push(error)
  process.on('unhandledRejection', note)
  await using servers = await startRedisCluster({ primaries: 3 })
  const client = new Cluster([...servers.addresses])
  const driver = ioredisDriver(client as never)
  const key = 'moving'
  const get = () =>
    Promise.all(driver.send([{ args: ['GET', key], keys: [key] }], { timeout: 5_000 }))
  try {
    expect(await get()).toEqual([null])
    const owner = client.slots[slot(key)]![0]
    const source = servers.primaries.find(({ port }) => owner === `127.0.0.1:${port}`)!
    const target = servers.primaries.find((node) => node !== source)!
    await target.cli('CLUSTER', 'SETSLOT', slot(key), 'IMPORTING', source.id)
    await source.cli('CLUSTER', 'SETSLOT', slot(key), 'MIGRATING', target.id)
    expect(await get()).toEqual([null]) // redirected
    await target.pause()
    const reading = get()
    await new Promise((resolve) => setTimeout(resolve, 300))
    client
      .nodes('all')
      .find(({ options }) => options.port === target.port)!
      .disconnect()
    expect((await reading)[0]).toBeInstanceOf(CacheError)
    await target.resume()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(rejections).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
    await driver.close()
    client.disconnect()
  }
})

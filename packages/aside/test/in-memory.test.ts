import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { describe, expect, it } from 'vitest'
import { createAside } from '../src/index.js'

describe('in memory, without a server', () => {
  it('entries age by the clock of the driver', async () => {
    const driver = memoryDriver()
    const cache = createAside<number>({ client: createCacheClient(driver), prefix: 'p', ttl: '1m' })
    let loads = 0
    const load = (): number => ++loads
    expect(await cache.getOrLoad(1, load)).toBe(1)
    driver.setClock(30_000)
    expect(await cache.getOrLoad(1, load)).toBe(1)
    driver.setClock(90_000)
    expect(await cache.getOrLoad(1, load)).toBe(2)
  })

  it('entries take no more memory than allowed, and evicted ones are loaded again', async () => {
    const driver = memoryDriver({ maxBytes: '256kb' })
    const client = createCacheClient(driver)
    const cache = createAside<string>({ client, prefix: 'p', ttl: '1h', clearable: true })
    let loads = 0
    const read = (id: number): Promise<string> =>
      cache.getOrLoad(id, () => {
        loads++
        return `${id} `.repeat(500)
      })
    for (let id = 0; id < 1_000; id++) {
      expect(await read(id)).toBe(`${id} `.repeat(500))
      await read(0)
      expect(driver.server.database.bytes).toBeLessThanOrEqual(256 * 1024)
    }
    expect(loads).toBe(1_000) // the entry in use was never evicted
    expect(await cache.has(999)).toBe(true)
    expect(await cache.has(1)).toBe(false)
    expect(await read(1)).toBe('1 '.repeat(500))
    await cache.clear()
    expect(await cache.has(0)).toBe(false)
    await client.close()
  })

  it.each([{ silent: true }, { refused: true }, { slow: 1_000 }, { outOfMemory: true }])(
    'the source answers during the fault %o',
    async (fault) => {
      const driver = memoryDriver()
      const resilience = { readTimeout: 50, writeTimeout: 50 }
      const client = createCacheClient(driver, { resilience })
      const cache = createAside<string>({ client, prefix: 'p', ttl: '1m' })
      Object.assign(driver.faults, fault)
      expect(await cache.getOrLoad(1, () => 'from the source')).toBe('from the source')
      await client.close()
    },
  )
})

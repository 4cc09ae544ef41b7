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

import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInvalidationBus, withNearCache } from '../src/index.js'
import { cases } from './cases.js'

describe.each(cases)('clear of an aside near a process, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  const clients: CacheClient[] = []
  beforeAll(async () => void (stage = await start()))
  beforeEach(() => stage.flush())
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
  })
  afterAll(() => stage.stop())

  async function textsNear(options = {}) {
    const client = stage.driver()
    clients.push(client)
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus })
    const texts = createAside<string>({
      client: near,
      prefix: 'text',
      ttl: '1h',
      clearable: true,
      ...options,
    })
    return { near: near.near, texts }
  }

  it('a hit near the process asks Redis for nothing', async () => {
    const { near, texts } = await textsNear()
    for (let i = 0; i < 3; i++) await texts.getOrLoad(1, () => 'value')
    const before = near.stats()
    await clients[0]!.driver.close()
    for (let i = 0; i < 10; i++) expect(await texts.getOrLoad(1, () => 'loaded')).toBe('value')
    expect(await texts.getOrLoadMany([1], () => [])).toEqual(['value'])
    expect(await texts.peek(1)).toBe('value')
    expect(near.stats().misses).toBe(before.misses)
    expect(near.stats().hits).toBe(before.hits + 24) // the entry and the epoch
  })

  it('its own clear is seen at once, and that of another process with its message', async () => {
    const [a, b] = [await textsNear(), await textsNear({ staleWhileRevalidate: '1h' })]
    for (let round = 1; round <= 10; round++) {
      const [clears, other] = round % 2 ? [a, b] : [b, a]
      for (let i = 0; i < 3; i++)
        for (const { texts } of [a, b])
          for (const id of [1, 2]) await texts.getOrLoad(id, () => `${round}`)
      await clears.texts.clear()
      expect(await clears.texts.peek(1)).toBeUndefined()
      expect(await clears.texts.getOrLoad(1, () => `${round + 1}`)).toBe(`${round + 1}`)
      await expect.poll(() => other.texts.peek(1), { interval: 2 }).toBe(`${round + 1}`)
      expect(await other.texts.getOrLoad(2, () => `${round + 1}`)).toBe(`${round + 1}`)
      await clears.texts.clear()
      await expect.poll(() => other.texts.peek(1), { interval: 2 }).toBeUndefined()
    }
  })

  it('reads of the process that clears are never stale, while others fill', async () => {
    let source = 0
    let settled = 0
    let running = true
    const stale: string[] = []
    const processes = [await textsNear(), await textsNear()]
    const clearing = processes[0]!
    const load = async (): Promise<string> => {
      const value = source
      await new Promise((resolve) => setTimeout(resolve, 2 * Math.random()))
      return String(value)
    }
    const readers = processes.flatMap(({ texts }) =>
      [1, 2, 3].map(async () => {
        while (running) {
          const floor = settled
          const value = await texts.getOrLoad(Math.random() < 0.5 ? 1 : 2, load)
          if (texts === clearing.texts && Number(value) < floor) stale.push(`${value} < ${floor}`)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }),
    )
    for (let i = 0; i < 150; i++) {
      const wrote = ++source
      await clearing.texts.clear()
      settled = wrote
      if (i % 2) await new Promise((resolve) => setTimeout(resolve, 5 * Math.random()))
    }
    running = false
    await Promise.all(readers)
    expect(stale).toEqual([])
    expect(clearing.near.stats().hits).toBeGreaterThan(0)
  })
})

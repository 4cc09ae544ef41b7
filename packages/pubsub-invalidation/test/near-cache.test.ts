import { createAside, type Aside } from '@cache/aside'
import type { CacheClient, Command } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { createWriteThrough } from '@cache/write-through'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createInvalidationBus,
  withNearCache,
  type InvalidationBus,
  type NearCacheClient,
  type NearCacheOptions,
} from '../src/index.js'
import { casesWithShards } from './cases.js'

interface Product {
  readonly id: number
  readonly price: number
}

describe.each(casesWithShards)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  const cleanup: (() => unknown)[] = []
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  let channel = ''
  let tests = 0
  beforeEach(() => {
    channel = `test:${++tests}`
    return stage.flush()
  })
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close()
  })

  /** Creates what stands for a process. `sent` collects the commands that it sends to Redis. */
  async function node(options: Partial<NearCacheOptions> = {}): Promise<{
    client: CacheClient
    near: NearCacheClient
    bus: InvalidationBus
    sent: Command[]
    products: Aside<Product>
  }> {
    const client = stage.driver()
    const sent: Command[] = []
    const { driver } = client
    const patched = Object.assign(driver, {
      send: ((send) => (commands: readonly Command[], options: never) => {
        sent.push(...commands)
        return send(commands, options)
      })(driver.send),
    })
    expect(patched).toBe(driver)
    // The heartbeat is long, so that no beat is among the sent commands and none is late.
    const bus = createInvalidationBus({ client, channel, heartbeat: '30s' })
    await vi.waitFor(() => bus.ready(), { timeout: 10_000 })
    const near = withNearCache(client, { bus, ...options })
    cleanup.push(
      () => client.close(),
      () => bus.close(),
      () => near.close(),
    )
    return {
      client,
      near,
      bus,
      sent,
      products: createAside<Product>({ client: near, prefix: 'product', ttl: '1h' }),
    }
  }

  it('a refresh replaces the copies of all processes', async () => {
    const [here, there] = [await node(), await node()]
    for (const { products } of [here, there])
      await products.getOrLoad(1, () => ({ id: 1, price: 10 }))
    await here.products.refresh(1, () => ({ id: 1, price: 11 }))
    expect(await here.products.peek(1)).toEqual({ id: 1, price: 11 })
    await vi.waitFor(async () => expect(await there.products.peek(1)).toMatchObject({ price: 11 }))
  })

  it('a near hit sends nothing', async () => {
    const { products, sent, near } = await node()
    await products.getOrLoad(1, () => ({ id: 1, price: 10 }))
    await products.getOrLoadMany([2, 3], (ids) => ids.map((id) => ({ id: Number(id), price: 10 })))
    sent.length = 0
    for (let i = 0; i < 10; i++)
      expect(
        await products.getOrLoad(1, () => {
          throw new Error('no load')
        }),
      ).toEqual({ id: 1, price: 10 })
    expect(
      await products.getOrLoadMany([1, 2, 3], () => {
        throw new Error('no load')
      }),
    ).toHaveLength(3)
    expect(await products.peek(2)).toEqual({ id: 2, price: 10 })
    expect(sent).toEqual([])
    expect(near.near.stats()).toMatchObject({ entries: 3, hits: 14, misses: 3, answering: true })
  })

  it('an invalidation works at once in this process, in others after its message', async () => {
    const [a, b] = [await node(), await node()]
    let price = 10
    const read = ({ products }: typeof a) => products.getOrLoad(1, () => ({ id: 1, price }))
    for (const process of [a, b, a, b]) expect((await read(process)).price).toBe(10)
    price = 11
    await a.products.invalidate(1)
    expect((await read(a)).price).toBe(11)
    await vi.waitFor(async () => expect((await read(b)).price).toBe(11), 5_000)
    expect(a.near.near.stats().entries).toBe(1)
  })

  it('every change of an entry is announced, by cache-aside and by write-through', async () => {
    const [a, b] = [await node(), await node()]
    const rows = new Map([[1, { id: 1, price: 0 }]])
    const make = ({ near }: typeof a) =>
      createWriteThrough({
        client: near,
        prefix: 'product',
        ttl: '1h',
        load: async (id: number) => rows.get(id) ?? null,
        store: async (id: number, patch: Partial<Product>) => {
          rows.set(id, { ...rows.get(id)!, ...patch })
          return rows.get(id)!
        },
        remove: (id) => rows.delete(id),
      })
    const writeThrough = make(a)
    const read = () => b.products.getOrLoad(1, () => rows.get(1) ?? null)
    const changes: (() => Promise<unknown>)[] = [
      () => {
        rows.set(1, { id: 1, price: 1 })
        return a.products.invalidate(1)
      },
      () => {
        rows.set(1, { id: 1, price: 2 })
        return a.products.expire(1)
      },
      () => a.products.mutate(1, () => rows.set(1, { id: 1, price: 3 })),
      () => {
        rows.set(1, { id: 1, price: 4 })
        return a.products.set(1, { id: 1, price: 4 })
      },
      () => writeThrough.update(1, { price: 5 }),
      () => writeThrough.put(1, { id: 1, price: 6 }),
    ]
    for (const [i, change] of changes.entries()) {
      await read()
      await vi.waitFor(async () => {
        await read()
        expect(b.near.near.stats().entries).toBe(1)
      }, 5_000)
      await change()
      expect(await a.products.getOrLoad(1, () => rows.get(1)!)).toEqual(rows.get(1))
      await vi.waitFor(async () => expect((await read())?.price).toBe(i + 1), 5_000)
    }
    await writeThrough.delete(1)
    await vi.waitFor(async () => expect(await read()).toBeNull(), 5_000)
  })

  it('fills are not announced; invalidations of one tick are one message', async () => {
    const [a, b] = [await node(), await node()]
    // With the duplicates, there are as many calls as fit into one command.
    const ids = Array.from({ length: 25 }, (_, i) => i)
    for (const id of ids) await a.products.getOrLoad(id, () => ({ id, price: 1 }))
    expect(b.bus.stats().received).toBe(0)
    const received: (readonly string[])[] = []
    const ended = new Promise<void>((resolve) =>
      b.bus.on('invalidate', ({ keys, groups }) => {
        if (keys.length > 0) received.push(keys)
        if (groups.includes('end')) resolve()
      }),
    )
    await Promise.all([...ids, ...ids].map((id) => a.products.invalidate(id)))
    await a.bus.publish({ groups: ['end'] })
    await ended
    if (stage.server) expect(received).toHaveLength(1)
    await vi.waitFor(
      () => expect(received.flat().sort()).toEqual(ids.map((id) => `shop:product:${id}`).sort()),
      5_000,
    )
    expect(a.near.near.stats().entries).toBe(0)
  })

  it('a process’s own messages don’t drop what it wrote since', async () => {
    const { near, bus } = await node()
    const rows = createWriteThrough({
      client: near,
      prefix: 'row',
      ttl: '1h',
      load: async () => ({ n: 0 }),
      store: async (_id: number, patch: { n: number }) => patch,
    })
    await rows.update(1, { n: 1 })
    await vi.waitFor(() => expect(bus.stats().received).toBeGreaterThanOrEqual(2), 5_000)
    expect(near.near.stats()).toMatchObject({ entries: 1 })
    expect(await rows.get(1)).toEqual({ n: 1 })
  })

  it('an entry is cached no longer than its remaining time to live in Redis', async () => {
    const { near } = await node()
    const brief = createAside<number>({ client: near, prefix: 'brief', ttl: 300 })
    let loads = 0
    await brief.getOrLoad(1, () => ++loads)
    await vi.waitFor(async () => expect(await brief.getOrLoad(1, () => ++loads)).toBe(2), 5_000)
  })

  it('stale-while-revalidate works for near entries as for entries in Redis', async () => {
    const { near } = await node()
    const values = createAside<number>({
      client: near,
      prefix: 'swr',
      ttl: 200,
      staleWhileRevalidate: '1h',
    })
    let loads = 0
    expect(await values.getOrLoad(1, () => ++loads)).toBe(1)
    await vi.waitFor(
      async () => expect(await values.getOrLoad(1, () => ++loads)).toBeGreaterThan(1),
      5_000,
    )
  })

  it('values are either shared and frozen, or copied', async () => {
    const [shared, copies] = [await node(), await node({ clone: true })]
    const value = () => ({ id: 1, price: 1, tags: [{ name: 'new' }] })
    for (const { products } of [shared, shared, copies, copies]) await products.getOrLoad(1, value)
    const first = await shared.products.getOrLoad(1, value)
    expect(await shared.products.getOrLoad(1, value)).toBe(first)
    expect(() => {
      ;(first as { price: number }).price = 2
    }).toThrow(TypeError)
    expect(() =>
      (first as unknown as { tags: { name: string }[] }).tags.push({ name: 'x' }),
    ).toThrow(TypeError)
    const copy = await copies.products.getOrLoad(1, value)
    ;(copy as { price: number }).price = 2
    expect(await copies.products.getOrLoad(1, value)).toEqual(value())
  })

  it('two caches with different formats don’t get each other’s values', async () => {
    const { near, products } = await node()
    const codec = {
      name: 'other',
      encode: (value: string) => JSON.stringify(value),
      decode: (payload: Buffer) => payload.toString(),
    }
    const texts = createAside<string>({ client: near, prefix: 'product', ttl: '1h', codec })
    await products.getOrLoad(1, () => ({ id: 1, price: 1 }))
    expect(await texts.getOrLoad(1, () => 'no')).toBe('{"id":1,"price":1}')
    expect(await products.getOrLoad(1, () => ({ id: 0, price: 0 }))).toEqual({ id: 1, price: 1 })
  })

  it('the absence of a value is cached too, for its negative ttl', async () => {
    const { near, sent } = await node()
    const some = createAside<number>({ client: near, prefix: 'none', ttl: '1h', negativeTtl: '1h' })
    await some.getOrLoad(1, () => null)
    sent.length = 0
    expect(await some.getOrLoad(1, () => 5)).toBeNull()
    expect(sent).toEqual([])
  })

  it('prefixes and groups drop the matching entries', async () => {
    const groups = (_key: string, { price }: Product) => [`price:${price}`]
    const [a, b] = [await node({ groups }), await node()]
    for (const { products } of [a, b])
      for (let id = 0; id < 4; id++) await products.getOrLoad(id, () => ({ id, price: id % 2 }))
    for (const { near } of [a, b]) expect(near.near.stats().entries).toBe(4)
    await a.bus.publish({ groups: ['price:1'] })
    expect(a.near.near.stats().entries).toBe(2)
    await vi.waitFor(() => expect(b.near.near.stats().entries).toBe(0), 5_000)
    await a.bus.publish({ prefix: 'product:' })
    expect(a.near.near.stats().entries).toBe(0)
    for (let id = 0; id < 2; id++) await b.products.getOrLoad(id, () => ({ id, price: 1 }))
    await a.bus.publish({ keys: [['product', 0], 'product:1'] })
    await vi.waitFor(() => expect(b.near.near.stats().entries).toBe(0), 5_000)
  })

  it('drops an unreadable message; a newer version empties the near cache', async () => {
    const { near, bus, products, client } = await node()
    await products.getOrLoad(1, () => ({ id: 1, price: 1 }))
    const publish = (text: string) =>
      client.send({ args: ['PUBLISH', `shop:${channel}`, text], keys: [] })
    const garbage = [
      '',
      'nonsense',
      '[]',
      'null',
      '{"v":1,"keys":[1]}',
      '{"v":0}',
      JSON.stringify({ v: 1, keys: ['shop:product:1'], at: 5 }),
      'x'.repeat(300_000),
    ]
    for (const text of garbage) await publish(text)
    await vi.waitFor(
      () => expect(bus.stats().unreadable).toBeGreaterThanOrEqual(garbage.length),
      5_000,
    )
    expect(near.near.stats().entries).toBe(1)
    await publish(JSON.stringify({ v: 2, surely: 'something' }))
    await vi.waitFor(() => expect(near.near.stats().entries).toBe(0), 5_000)
    await products.getOrLoad(1, () => ({ id: 1, price: 1 }))
    await publish(JSON.stringify({ v: 1, keys: ['shop:product:1'] }))
    await vi.waitFor(() => expect(near.near.stats().entries).toBe(0), 5_000)
  })

  it('with a closed bus, a near cache answers nothing, and reads go to Redis', async () => {
    const { near, bus, products, sent } = await node()
    await products.getOrLoad(1, () => ({ id: 1, price: 1 }))
    await bus.close()
    sent.length = 0
    expect(await products.getOrLoad(1, () => ({ id: 1, price: 2 }))).toEqual({ id: 1, price: 1 })
    expect(sent.length).toBe(1)
    expect(near.near.stats().answering).toBe(false)
  })
})

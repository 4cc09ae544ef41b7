import assert from 'node:assert/strict'
import { createAside, createReadThrough, wrap } from '@cache/aside'
import { createHierarchical } from '@cache/hierarchical'
import { createCacheService } from '@cache/service'
import { createInvalidationBus } from '@cache/pubsub-invalidation'
import { createVersioned } from '@cache/versioning'
import { createWriteThrough } from '@cache/write-through'
import { eventually } from '../eventually.js'
import type { Case } from '../stage.js'

interface Product {
  id: number
  category: number
  price: number
}

export const caches = {
  'aside: one load for 40 callers of two processes, nothing stale after a change': async (
    stage,
  ) => {
    let price = 10
    let loads = 0
    const load = async (): Promise<number> => (loads++, price)
    const processes = [1, 2].map(() =>
      createAside<number>({ client: stage.client(), prefix: 'aside', ttl: '1h' }),
    )
    const callers = Array.from({ length: 40 }, (_, i) => processes[i % 2]!.getOrLoad(1, load))
    assert.deepEqual(await Promise.all(callers), Array(40).fill(10))
    assert.equal(loads, 1)
    await processes[0]!.mutate(1, async () => (price = 11))
    assert.equal(await processes[1]!.getOrLoad(1, load), 11)
  },

  'read-through: a bulk read loads each missing key once, and remembers absent rows': async (
    stage,
  ) => {
    const loaded: number[] = []
    const users = createReadThrough({
      client: stage.client(),
      prefix: 'read-through',
      ttl: '1h',
      negativeTtl: '1h',
      load: async (id: number) => {
        loaded.push(id)
        return id < 3 ? { id, born: new Date(id) } : undefined
      },
    })
    const expected = [{ id: 1, born: new Date(1) }, { id: 2, born: new Date(2) }, undefined]
    const twice = [await users.getMany([1, 2, 3]), await users.getMany([1, 2, 3])]
    for (const rows of twice)
      assert.deepEqual(
        Array.from(rows, (row) => row ?? undefined),
        expected,
      )
    assert.deepEqual(loaded.sort(), [1, 2, 3])
  },

  'wrap: one call for each list of arguments': async (stage) => {
    let calls = 0
    const search = wrap(async (text: string, { page }: { page: number }) => [text, page, ++calls], {
      client: stage.client(),
      prefix: 'wrap',
      ttl: '1h',
    })
    assert.deepEqual(await search('chair', { page: 1 }), ['chair', 1, 1])
    assert.deepEqual(await search('chair', { page: 1 }), ['chair', 1, 1])
    assert.deepEqual(await search('chair', { page: 2 }), ['chair', 2, 2])
    await search.invalidate('chair', { page: 1 })
    assert.deepEqual(await search('chair', { page: 1 }), ['chair', 1, 3])
  },

  'write-through: what was written is read in another process without a load': async (stage) => {
    const rows = new Map<number, Product>()
    let loads = 0
    const [mine, yours] = [1, 2].map(() =>
      createWriteThrough({
        client: stage.client(),
        prefix: 'write-through',
        ttl: '1h',
        load: async (id: number) => (loads++, rows.get(id)),
        store: async (id, patch: Partial<Product>) => {
          const row: Product = { ...(rows.get(id) ?? { id, category: 1, price: 0 }), ...patch }
          rows.set(id, row)
          return row
        },
        remove: async (id) => rows.delete(id),
      }),
    ) as [ReturnType<typeof createWriteThrough<any, any, any, any>>, any]
    await mine.update(1, { price: 10 })
    assert.deepEqual(await yours.get(1), { id: 1, category: 1, price: 10 })
    assert.equal(loads, 0)
    await yours.delete(1)
    assert.equal(await mine.get(1), undefined)
  },

  'versioning: a bump of a group invalidates all its entries in every process': async (stage) => {
    let price = 10
    const [mine, yours] = [1, 2].map(() =>
      createVersioned({
        client: stage.client(),
        prefix: 'versioning',
        ttl: '1h',
        load: async (id: number) => ({ id, price }),
        groups: () => ['category:7'],
      }),
    )
    assert.deepEqual(await yours!.getMany([1, 2]), [
      { id: 1, price: 10 },
      { id: 2, price: 10 },
    ])
    price = 11
    assert.equal((await yours!.get(1)).price, 10)
    await mine!.bump('category:7')
    assert.deepEqual(await yours!.getMany([1, 2]), [
      { id: 1, price: 11 },
      { id: 2, price: 11 },
    ])
  },

  'hierarchical: an item leaves its group and joins another': async (stage) => {
    const rows = new Map<number, Product>([
      [1, { id: 1, category: 7, price: 10 }],
      [2, { id: 2, category: 7, price: 20 }],
    ])
    let loads = 0
    const products = createHierarchical({
      client: stage.client(),
      ttl: '1h',
      item: { prefix: 'h-product', id: (product: Product) => product.id },
      group: { prefix: 'h-category', id: (product: Product) => product.category },
      groupOf: async (id: number) => rows.get(id)?.category,
      loadGroup: async (category: number) => {
        loads++
        return [...rows.values()].filter((product) => product.category === category)
      },
    })
    assert.equal((await products.get(1))?.price, 10)
    assert.equal((await products.get(2))?.price, 20)
    assert.equal(loads, 1)
    rows.set(1, { id: 1, category: 8, price: 11 })
    await products.invalidate(1)
    assert.equal((await products.get(1))?.price, 11)
    assert.deepEqual(
      (await products.getGroup(7)).map(({ id }) => id),
      [2],
    )
    assert.deepEqual(
      (await products.getGroup(8)).map(({ id }) => id),
      [1],
    )
  },

  'service: a change in one process is seen by the near cache of another': async (stage) => {
    let name = 'Alice'
    const [mine, yours] = await Promise.all(
      [1, 2].map(async () => {
        const client = stage.client()
        const bus = createInvalidationBus({ client })
        await bus.ready()
        return createCacheService({ client, bus, ttl: '1h' })
      }),
    )
    const read = (): Promise<string> => yours!.get(['user', 1], async () => name)
    assert.equal(await read(), 'Alice')
    await mine!.mutate(['user:1'], async () => (name = 'Bob'))
    await eventually(async () => (await read()) === 'Bob')
    assert.equal(await mine!.increment('views', 2), 2)
    assert.equal(await yours!.increment('views', 3), 5)
    await yours!.locks.withLock('job', async (lock) => lock.assertHeld())
  },
} satisfies Record<string, Case>

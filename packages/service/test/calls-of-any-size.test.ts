import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createHierarchical } from '@cache/hierarchical'
import { createKeyvStore } from '@cache/keyv'
import { createCacheService } from '@cache/service'
import { startRedis, type RedisServer } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** Requests that the client takes at once; a call asks for many more. */
const IN_FLIGHT = 50
const ids = Array.from({ length: 600 }, (_, id) => id)
interface Row {
  readonly id: number
  readonly shelf: number
}
const rowOf = (id: number): Row => ({ id, shelf: id % 200 })

describe('a call with any number of ids fits into maxInFlight', () => {
  let server: RedisServer
  let redis: Redis
  const newClient = () =>
    createCacheClient(ioredisDriver(redis), {
      namespace: 'shop',
      resilience: { maxInFlight: IN_FLIGHT, readTimeout: '60s', writeTimeout: '60s' },
    })
  beforeAll(async () => {
    server = await startRedis()
    redis = new Redis(server.url)
  })
  afterAll(async () => {
    redis.disconnect()
    await server.stop()
  })
  const source = { load: rowOf, loadMany: (missing: readonly number[]) => missing.map(rowOf) }

  it('of aside', async () => {
    const rows = createAside<Row, number>({ client: newClient(), prefix: 'aside', ttl: '1h' })
    for (let i = 0; i < 2; i++)
      expect(await rows.getOrLoadMany(ids, source.loadMany)).toEqual(ids.map(rowOf))
    await rows.mutate(ids, () => undefined)
    expect(await rows.invalidate(ids)).toBe(0)
  })

  it('of write-through', async () => {
    const rows = createWriteThrough<Row, number, Row, Row>({
      client: newClient(),
      prefix: 'through',
      ttl: '1h',
      ...source,
      store: (_, row) => row,
    })
    for (let i = 0; i < 2; i++) expect(await rows.getMany(ids)).toEqual(ids.map(rowOf))
    await rows.updateMany(ids.map((id) => [id, rowOf(id)]))
    await (await rows.beginMutation(ids)).commit()
    expect(await rows.invalidate(ids)).toBe(0)
  })

  it('of versioning', async () => {
    const rows = createVersioned<Row, number>({
      client: newClient(),
      prefix: 'versioned',
      ttl: '1h',
      ...source,
      groups: (id) => [`group:${id}`],
    })
    for (let i = 0; i < 2; i++) expect(await rows.getMany(ids)).toEqual(ids.map(rowOf))
    const groups = ids.map((id) => `group:${id}`)
    expect((await rows.versions(groups)).size).toBe(ids.length)
    await rows.bump(groups)
    await rows.mutateGroups(groups, () => undefined)
    await rows.mutate(ids, () => undefined)
    await rows.invalidate(ids)
    expect(await rows.getMany(ids)).toEqual(ids.map(rowOf))
  })

  it('of hierarchical', async () => {
    const shop = createHierarchical({
      client: newClient(),
      ttl: '1h',
      item: { prefix: 'row', id: ({ id }: Row) => id },
      group: { prefix: 'shelf', id: ({ shelf }: Row) => shelf },
      groupOf: (id: number) => rowOf(id).shelf,
      loadGroup: (shelf: number) => ids.map(rowOf).filter((row) => row.shelf === shelf),
    })
    for (let i = 0; i < 2; i++) expect(await shop.getMany(ids)).toEqual(ids.map(rowOf))
    await shop.invalidate(ids)
    await (await shop.beginMutation(ids)).commit()
    await shop.invalidateGroup(ids.slice(0, 200))
    expect(await shop.getMany(ids)).toEqual(ids.map(rowOf))
  })

  it('of keyv', async () => {
    const store = createKeyvStore({ client: newClient(), prefix: 'keyv' })
    const keys = ids.map(String)
    const stored = await store.setMany(keys.map((key) => ({ key, value: key })))
    expect(stored).toEqual(keys.map(() => true))
    expect(await store.getMany(keys)).toEqual(keys)
    expect(await store.hasMany(keys)).toEqual(keys.map(() => true))
    expect(await store.deleteMany(keys.slice(0, -1))).toBe(true)
    await store.clear()
    expect(await store.getMany(keys)).toEqual(keys.map(() => undefined))
  })

  it('of write-behind', async () => {
    const client = newClient()
    const rows = createWriteBehind<Row, number>({ client, prefix: 'behind', ttl: '1h', ...source })
    const worker = createWriteBehindWorker<Row, number>({
      client,
      prefix: 'behind',
      flush: () => undefined,
    })
    const stop = new AbortController()
    const working = worker.run({ signal: stop.signal })
    try {
      await rows.putMany(ids.map((id) => [id, rowOf(id)]))
      expect(await rows.getMany(ids)).toEqual(ids.map(rowOf))
      await Promise.all(ids.slice(0, 20).map((id) => rows.flushed(id)))
    } finally {
      stop.abort()
      await working
      await rows.close()
    }
  })

  it('of the service', async () => {
    const cache = createCacheService({ client: newClient(), ttl: '1h' })
    await cache.set('one', 1)
    await cache.invalidate(ids.map(String))
    await cache.close()
  })
})

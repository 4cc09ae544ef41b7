import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptionError, UsageError, createPrismaCache } from '../src/index.js'
import { Prisma, PrismaClient } from './generated/client.js'

describe('options', () => {
  let client: CacheClient
  let redis: Redis
  // It is never connected.
  const prisma = new PrismaClient({ adapter: new PrismaPg({ host: 'localhost' }) })
  beforeAll(() => {
    redis = new Redis({ lazyConnect: true })
    client = createCacheClient(ioredisDriver(redis))
  })
  afterAll(async () => {
    await client.close()
    redis.disconnect()
  })
  const create = (options: object = {}) =>
    createPrismaCache({ client, Prisma, ttl: '1m', ...options })

  it.each([
    ['client', { client: undefined }],
    ['Prisma', { Prisma: undefined }],
    ['Prisma', { Prisma: {} }],
    ['ttl', { ttl: undefined }],
    ['ttl', { ttl: 'never' }],
    ['strategy', { strategy: 'some' }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'version-of' }],
    ['dependents', { dependents: [] }],
    ['dependents.User', { dependents: { User: 'Log' } }],
    ['intentTtl', { intentTtl: 'soon' }],
    ['codec', { codec: {} }],
    ['schema', { schema: {} }],
    ['negativeTtl', { negativeTtl: '1s' }],
  ])('an error names "%s" (%#)', (name, wrong) => {
    expect(() => create(wrong)).toThrow(InvalidOptionError)
    expect(() => create(wrong)).toThrow(name)
  })

  it('an error names the models that do not exist', async () => {
    const dependents = { User: ['Users'] }
    expect(() => prisma.$extends(create({ dependents }).extension)).toThrow(/dependents\.User/)
    expect(() => prisma.$extends(create({ dependents: { user: [] } }).extension)).toThrow(
      /dependents\.user/,
    )
    const cache = create()
    const db = prisma.$extends(cache.extension)
    await expect(cache.mutate([], () => 1)).rejects.toThrow(/"models"/)
    await expect(cache.mutate('user', () => 1)).rejects.toThrow(/User, Post/)
    await expect(cache.beginMutation({} as never)).rejects.toThrow(/"models"/)
    await expect(cache.invalidate({ models: ['users'] })).rejects.toThrow(/"models"/)
    await expect(cache.invalidate({ tags: [''] })).rejects.toThrow(/"tags"/)
    await expect(db.$invalidate({ tags: 5 as never })).rejects.toThrow(/"tags"/)
    expect(() => cache.groupOf('users')).toThrow(/"models"/)
    expect(cache.groupOf('User')).toBe('prisma.model.User')
  })

  it.each([
    ['ttl', 'soon'],
    ['ttl', 0],
    ['ttl', { ttl: 'soon' }],
    ['tags', { tags: [5] }],
    ['autoInvalidate', { autoInvalidate: 'no' }],
    ['key', { key: 'users' }],
  ])('an error of $withCache names "%s" (%#)', (name, wrong) => {
    const db = prisma.$extends(create().extension)
    expect(() => db.$withCache(wrong as never)).toThrow(InvalidOptionError)
    expect(() => db.$withCache(wrong as never)).toThrow(name)
  })

  it('the cache is used after its extension, once, and with one schema', async () => {
    const cache = create()
    await expect(cache.invalidate({ models: 'User' })).rejects.toThrow(/\$extends/)
    const extension = cache.extension
    expect(() => extension({})).toThrow(UsageError)
    const db = prisma.$extends(extension)
    expect(() => db.$extends(cache.extension)).toThrow(UsageError)
    const other = Object.create(prisma, {
      _engineConfig: { value: { inlineSchema: 'model User {}' } },
    }) as PrismaClient
    expect(() => extension(other)).toThrow(/two schemas/)
  })

  it('extensions that change queries or results are refused after the cache', () => {
    const db = prisma.$extends(create().extension)
    const tenant = { query: { user: { findMany: ({ args, query }: any) => query(args) } } }
    expect(() => db.$extends(tenant)).toThrow(/Add it before/)
    expect(() => db.$extends(Prisma.defineExtension(tenant))).toThrow(UsageError)
    const all = prisma.$extends(create({ strategy: 'all' }).extension)
    expect(() => all.$extends({ result: { user: {} } })).toThrow(/Add it before/)
    const named = db.$extends({ client: { $name: () => 'x' } })
    expect(() => named.$extends(tenant)).toThrow(UsageError)
    expect(named.$name()).toBe('x')
  })
})

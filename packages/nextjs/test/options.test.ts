import { createCacheClient, InvalidOptionError } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createIncrementalCacheHandler, createUseCacheHandler, sharedClient } from '../src/index.js'
import { entryOf, incrementalInstance, lifetime, page, UseCacheInstance } from './entries.js'

const client = createCacheClient(memoryDriver({ server: new MemoryServer() }))

describe('options', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  const shared: [string, object][] = [
    ['client', { client: {} }],
    ['client', { client: undefined }],
    ['client', { client: 'redis://localhost' }],
    ['prefix', { prefix: '' }],
    ['deploymentId', { deploymentId: 7 }],
    ['maxTtl', { maxTtl: '1 fortnight' }],
    ['maxTtl', { maxTtl: 0 }],
    ['codec', { codec: 'v8' }],
    ['maxValueBytes', { maxValueBytes: '1 huge' }],
    ['clockSkew', { clockSkew: -1 }],
    ['ttl', { ttl: '1m' }],
  ]

  it.each(shared)('createUseCacheHandler names the option %s: %o', (option, given) => {
    const create = () => createUseCacheHandler({ client, ...given })
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })

  it.each([
    ...shared,
    ['leaseTtl', { leaseTtl: 0 }] as [string, object],
    ['shareData', { shareData: 'yes' }] as [string, object],
  ])('createIncrementalCacheHandler names the option %s: %o', (option, given) => {
    const create = () => createIncrementalCacheHandler({ client, ...given })
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })

  it('names the client if its function returns none', async () => {
    const { handler } = new UseCacheInstance({ client: () => undefined as never })
    await expect(handler.get('key', [])).rejects.toThrow('"client"')
  })

  it('says what to do if a build has no id', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    vi.spyOn(process, 'cwd').mockReturnValue(mkdtempSync(join(tmpdir(), 'next-')))
    const handler = createUseCacheHandler({ client })
    await expect(handler.get('key', [])).rejects.toThrow('deploymentId')
    vi.stubEnv('NEXT_DEPLOYMENT_ID', 'd1')
    expect(await handler.get('key', [])).toBeUndefined()
    vi.restoreAllMocks()
  })

  it('connects to nothing during a build, and fails in nothing', async () => {
    vi.stubEnv('NEXT_PHASE', 'phase-production-build')
    const connect = vi.fn(() => client)
    const { handler } = new UseCacheInstance({ client: connect })
    const pages = incrementalInstance({ client: connect })
    await handler.refreshTags()
    await handler.set('key', Promise.resolve(entryOf('text')))
    expect(await handler.get('key', ['a'])).toBeUndefined()
    expect(await handler.getExpiration(['a'])).toBe(Infinity)
    await handler.updateTags(['a'])
    await pages().set('/p', page('html'), { cacheControl: lifetime })
    expect(await pages().get('/p', { kind: 'APP_PAGE' })).toBeNull()
    await pages().revalidateTag('a')
    pages().resetRequestCache()
    expect(connect).not.toHaveBeenCalled()
    vi.unstubAllEnvs()
    expect(await handler.get('key', [])).toBeUndefined()
    expect(connect).toHaveBeenCalledOnce()
  })

  it('copies of a module share a client', async () => {
    const create = vi.fn(() => client)
    const copies = [1, 2].map(() => sharedClient(create, { name: 'copies' }))
    expect(create).not.toHaveBeenCalled()
    expect(copies[0]!()).toBe(copies[1]!())
    expect(create).toHaveBeenCalledOnce()
    expect(sharedClient(create, { name: 'another' })()).toBe(client)
    expect(create).toHaveBeenCalledTimes(2)
  })

  it('both handlers share tags, by the prefix', async () => {
    const data = new UseCacheInstance({ client, prefix: 'p' })
    const pages = incrementalInstance({ client, prefix: 'p' })
    const apart = new UseCacheInstance({ client, prefix: 'q' })
    for (const each of [data, apart]) await each.set('key', 'text', { tags: ['a'] })
    await pages().revalidateTag('a')
    expect(await data.get('key')).toBeUndefined()
    expect(await apart.get('key')).toBe('text')
  })
})

import { createCacheClient, InvalidOptionError } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { describe, expect, it } from 'vitest'
import { createRevalidator } from '../src/index.js'
import { incrementalInstance, lifetime, page, UseCacheInstance } from './entries.js'

const client = createCacheClient(memoryDriver({ server: new MemoryServer() }))
const revalidator = createRevalidator({ client })

describe('createRevalidator', () => {
  it.each([
    ['/a', undefined, '_N_T_/a'],
    ['/a/', undefined, '_N_T_/a'],
    ['/', undefined, '_N_T_/'],
    ['/', undefined, '_N_T_/index'],
    ['/', 'layout', '_N_T_/layout'],
    ['/a/[id]', 'page', '_N_T_/a/[id]/page'],
    ['/ü/😀', undefined, '_N_T_/%C3%BC/%F0%9F%98%80'],
  ] as const)('revalidatePath(%s, %s) expires entries on %s', async (path, type, tag) => {
    const data = new UseCacheInstance({ client })
    const pages = incrementalInstance({ client })
    await data.set('key', 'text')
    await pages().set('/p', page('html', [tag]), { cacheControl: lifetime })
    expect(await data.get('key', [tag])).toBe('text')
    await revalidator.revalidatePath(path, type)
    expect(await data.get('key', [tag])).toBeUndefined()
    expect(await data.get('key', ['_N_T_/another'])).toBe('text')
    expect(await pages().get('/p', { kind: 'APP_PAGE' })).toBeNull()
  })

  it('revalidateTag expires entries, or makes them stale', async () => {
    const data = new UseCacheInstance({ client })
    await data.set('key', 'text', { tags: ['%C3%BC'] })
    await revalidator.revalidateTag(['ü', 'b'], { expire: 60 })
    expect(await data.look('key')).toEqual({ text: 'text', isStale: true })
    await revalidator.revalidateTag('ü')
    expect(await data.get('key')).toBeUndefined()
  })

  it('names an option that is wrong', () => {
    for (const options of [{ client: {} }, { client, prefix: '' }, { client, leaseTtl: 1 }])
      expect(() => createRevalidator(options as never)).toThrow(InvalidOptionError)
  })
})

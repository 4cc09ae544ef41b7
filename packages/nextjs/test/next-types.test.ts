import type * as useCache from 'next/dist/server/lib/cache-handlers/types.js'
import type * as incremental from 'next/dist/server/lib/incremental-cache/index.js'
import { describe, expectTypeOf, it } from 'vitest'
import type { IncrementalCacheHandler, UseCacheHandler } from '../src/index.js'

type NextUseCacheHandler = useCache.CacheHandler
type NextCacheHandler = incremental.CacheHandler

describe('the types of Next.js', () => {
  it('accept the handlers', () => {
    expectTypeOf<UseCacheHandler>().toExtend<NextUseCacheHandler>()
    expectTypeOf<IncrementalCacheHandler['get']>().toExtend<NextCacheHandler['get']>()
    expectTypeOf<IncrementalCacheHandler['set']>().toExtend<NextCacheHandler['set']>()
    expectTypeOf<IncrementalCacheHandler['revalidateTag']>().toExtend<
      NextCacheHandler['revalidateTag']
    >()
  })
})

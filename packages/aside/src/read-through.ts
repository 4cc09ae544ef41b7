import type { CallOptions, KeyPart, SourceOptions, SourceReads } from '@cache/core'
import { readCacheOptions, readThrough, sourceLoader, sourceOptions } from '@cache/core/internal'
import { asideOf, asideOptions, type Aside, type AsideOptions } from './aside.js'

/** Options of `createReadThrough`: those of `createAside`, and the loader. */
export interface ReadThroughOptions<Loaded, Id>
  extends AsideOptions<NonNullable<Loaded>, Id>, SourceOptions<Loaded, Id> {}

/**
 * A read-through cache: it loads missing values with its own loader. It guarantees what `Aside`
 * guarantees.
 */
export interface ReadThrough<Loaded, Id = KeyPart>
  extends
    SourceReads<Loaded, Id>,
    Pick<
      Aside<NonNullable<Loaded>, Id>,
      | 'peek'
      | 'has'
      | 'set'
      | 'invalidate'
      | 'expire'
      | 'clear'
      | 'mutate'
      | 'beginMutation'
      | 'stats'
      | 'idle'
    > {
  /**
   * Loads the value now, and replaces the cached one once the load has succeeded; until then, reads
   * get the old one. Calls of one process that come before the loader is called share its load. If
   * the new value can't be cached, or a writer or an invalidation came first, nothing is stored and
   * the old value is dropped. Rejects if the loader throws or Redis does not answer: the old value
   * stays.
   */
  refresh(id: Id, call?: Pick<CallOptions, 'signal'>): Promise<Loaded>
}

/**
 * Creates a read-through cache: a cache-aside that takes its loader as an option, so that reads
 * only need an id.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const users = createReadThrough({
 *   client, prefix: 'user', ttl: '1h',
 *   load: (id: number) => db.user(id),
 * })
 * const user = await users.get(42)
 */
export function createReadThrough<Loaded, Id = KeyPart>(
  givenOptions: ReadThroughOptions<Loaded, Id>,
): ReadThrough<Loaded, Id> {
  const options = readCacheOptions('createReadThrough', readThroughOptions, givenOptions)
  const { cache, reads } = asideOf<NonNullable<Loaded>, Id>(options)
  const load = sourceLoader<Loaded, Id>(options)
  const { peek, has, set, invalidate, expire, clear, mutate, beginMutation, stats, idle } = cache
  return {
    ...readThrough<Loaded, Id>(reads, options),
    refresh: (id, call) =>
      cache.refresh(id, (context) => load(id, context), call) as Promise<Loaded>,
    peek,
    has,
    set,
    invalidate,
    expire,
    clear,
    mutate,
    beginMutation,
    stats,
    idle,
  }
}

const readThroughOptions = { ...asideOptions, ...sourceOptions }

import type { KeyPart, SourceOptions, SourceReads } from '@cache/core'
import { checkOptions, readThrough, sourceOptions } from '@cache/core/internal'
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
      'peek' | 'set' | 'invalidate' | 'expire' | 'mutate' | 'beginMutation' | 'idle'
    > {}

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
  options: ReadThroughOptions<Loaded, Id>,
): ReadThrough<Loaded, Id> {
  const check = checkOptions('createReadThrough', options, [...asideOptions, ...sourceOptions])
  const { getOrLoad, getOrLoadMany, peek, set, invalidate, expire, mutate, beginMutation, idle } =
    asideOf<NonNullable<Loaded>, Id>(check, options)
  return {
    ...readThrough<Loaded, Id>({ one: getOrLoad, many: getOrLoadMany }, check),
    peek,
    set,
    invalidate,
    expire,
    mutate,
    beginMutation,
    idle,
  }
}

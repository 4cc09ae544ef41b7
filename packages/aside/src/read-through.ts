import { InvalidOptionError, type KeyPart, type LoadContext } from '@cache/core'
import { createAside, type Aside, type AsideOptions, type CallOptions } from './aside.js'
import { limitTo } from './concurrency.js'
import type { LoadMany } from './many.js'

/** `Loaded`: what the loader answers with, a value or the `null` or `undefined` that says there is none. */
export interface ReadThroughOptions<Loaded, Id> extends AsideOptions<NonNullable<Loaded>, Id> {
  /** Loads one value; `null` or `undefined`: there is none. */
  readonly load: (id: Id, context: LoadContext<NonNullable<Loaded>>) => Loaded | Promise<Loaded>
  /** Loads many at once, for `getMany`. Default: `load` for each. */
  readonly loadMany?: LoadMany<NonNullable<Loaded>, Id>
  /** How many calls of `load` one `getMany` has under way, where there is no `loadMany`. Default 10. */
  readonly concurrency?: number
}

/** Read-through: the cache itself loads what is missing. Promises what `Aside` promises. */
export interface ReadThrough<Loaded, Id = KeyPart> extends Pick<Aside<NonNullable<Loaded>, Id>, 'peek' | 'set' | 'invalidate' | 'expire' | 'mutate'> {
  get(id: Id, call?: CallOptions): Promise<Loaded>
  /** The values in the order of `ids`. */
  getMany(ids: readonly Id[], call?: CallOptions): Promise<(NonNullable<Loaded> | null | undefined)[]>
}

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const users = createReadThrough({ client, prefix: 'user', ttl: '1h', load: (id: number) => db.user(id) })
 * const user = await users.get(42)
 */
export function createReadThrough<Loaded, Id = KeyPart>(options: ReadThroughOptions<Loaded, Id>): ReadThrough<Loaded, Id> {
  const { load, loadMany, concurrency = 10, ...rest } = options ?? {}
  if (typeof load !== 'function') throw new InvalidOptionError('load', 'a function from an id to its value', load)
  if (loadMany !== undefined && typeof loadMany !== 'function') throw new InvalidOptionError('loadMany', 'a function from ids to their values', loadMany)
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw new InvalidOptionError('concurrency', 'a whole number of at least 1', concurrency)
  const { getOrLoad, getOrLoadMany, peek, set, invalidate, expire, mutate } = createAside<NonNullable<Loaded>, Id>(rest)

  // To the compiler `Loaded` might be more than its value and its nothing.
  const loadOne = load as (id: Id, context: LoadContext<NonNullable<Loaded>>) => Promise<NonNullable<Loaded> | null | undefined>
  const limited = limitTo(concurrency)
  const loadEach: LoadMany<NonNullable<Loaded>, Id> = (ids, { contexts }) => ids.map((id, i) => limited(() => loadOne(id, contexts[i]!)))

  return {
    get: (id, call) => getOrLoad(id, (context) => loadOne(id, context), call) as Promise<Loaded>,
    getMany: (ids, call) => getOrLoadMany(ids, loadMany ?? loadEach, call),
    peek, set, invalidate, expire, mutate,
  }
}

import { InvalidOptionError, type KeyPart, type LoadContext } from '@cache/core'
import { createAside, type Aside, type AsideOptions, type CallOptions } from './aside.js'
import { limitTo } from './concurrency.js'
import type { LoadMany } from './many.js'

export interface ReadThroughOptions<T, Id, None extends null | undefined> extends AsideOptions<T, Id> {
  /** Loads one value; `null` or `undefined`: there is none. */
  readonly load: (id: Id, context: LoadContext<T>) => T | None | Promise<T | None>
  /** Loads many at once, for `getMany`. Default: `load` for each. */
  readonly loadMany?: LoadMany<T, Id>
  /** How many calls of `load` one `getMany` has under way, where there is no `loadMany`. Default 10. */
  readonly concurrency?: number
}

/** Read-through: the cache itself loads what is missing. Promises what `Aside` promises. */
export interface ReadThrough<T, Id, None extends null | undefined = never> extends Pick<Aside<T, Id>, 'peek' | 'set' | 'invalidate' | 'expire' | 'mutate'> {
  get(id: Id, call?: CallOptions): Promise<T | None>
  /** The values in the order of `ids`. */
  getMany(ids: readonly Id[], call?: CallOptions): Promise<(T | null | undefined)[]>
}

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const users = createReadThrough({ client, prefix: 'user', ttl: '1h', load: (id: number) => db.user(id) })
 * const user = await users.get(42)
 */
export function createReadThrough<T extends {}, Id = KeyPart, None extends null | undefined = never>(options: ReadThroughOptions<T, Id, None>): ReadThrough<T, Id, None> {
  const { load, loadMany, concurrency = 10, ...rest } = options ?? {}
  if (typeof load !== 'function') throw new InvalidOptionError('load', 'a function from an id to its value', load)
  if (loadMany !== undefined && typeof loadMany !== 'function') throw new InvalidOptionError('loadMany', 'a function from ids to their values', loadMany)
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw new InvalidOptionError('concurrency', 'a whole number of at least 1', concurrency)
  const { getOrLoad, getOrLoadMany, peek, set, invalidate, expire, mutate } = createAside<T, Id>(rest)

  const limited = limitTo(concurrency)
  const loadEach: LoadMany<T, Id> = (ids, { contexts }) => ids.map((id, i) => limited(() => load(id, contexts[i]!)))

  return {
    get: (id, call) => getOrLoad<T | None>(id, (context) => load(id, context), call) as Promise<T | None>,
    getMany: (ids, call) => getOrLoadMany(ids, loadMany ?? loadEach, call),
    peek, set, invalidate, expire, mutate,
  }
}

import type { KeyPart } from '@cache/core'
import { requireFunction } from '@cache/core/internal'
import { argumentKey } from './argument-key.js'
import { createAside, type AsideOptions } from './aside.js'

/** Options of `wrap`: those of `createAside`, with a `key` that gets the arguments of a call. */
export interface WrapOptions<Args extends readonly unknown[], R> extends Omit<
  AsideOptions<NonNullable<R>>,
  'key'
> {
  /**
   * Returns the key parts of a call. Default: a text of the arguments that tells types,
   * `undefined`, dates and bigints apart and does not depend on the order of the keys of objects; a
   * long text is replaced by its SHA-256. Arguments that have no text (functions, signals,
   * instances of classes) need this option.
   */
  readonly key?: (...args: Args) => KeyPart | readonly KeyPart[]
}

/** A function whose results are cached. Its methods take the arguments of a call. */
export interface Wrapped<Args extends readonly unknown[], R> {
  /** Returns the cached result, or calls the function. Rejects with its error. */
  (...args: Args): Promise<R>
  /** Calls the function now, and replaces the cached result once it has succeeded. */
  refresh(...args: Args): Promise<R>
  /** Returns the cached result, and does not call the function. */
  peek(...args: Args): Promise<NonNullable<R> | null | undefined>
  /** Returns whether the result is cached. */
  has(...args: Args): Promise<boolean>
  /** Deletes the cached result. Resolves to whether there was one. */
  invalidate(...args: Args): Promise<boolean>
  /** Makes all cached results invalid. It needs the option `clearable`; see `Aside.clear`. */
  clear(): Promise<void>
  /** Resolves when no reload is running in the background. */
  idle(): Promise<void>
}

/**
 * Caches the results of a function: the returned function has the same arguments, and a cache-aside
 * in front of it, with the guarantees of `Aside`. The key is derived from the arguments. Each
 * wrapped function needs a prefix of its own. A result of `null` or `undefined` is cached only with
 * `negativeTtl`.
 *
 * @throws {InvalidOptionError} if an option is wrong, and from a call, if no key can be derived.
 * @example
 * const search = wrap(searchProducts, { client, prefix: 'search', ttl: '5m' })
 * await search('chair', { page: 2 })
 * await search.invalidate('chair', { page: 2 })
 */
export function wrap<Args extends readonly unknown[], R>(
  fn: (...args: Args) => R | Promise<R>,
  options: WrapOptions<Args, R>,
): Wrapped<Args, R> {
  requireFunction('fn', fn, 'the function whose results to cache')
  const { key: keyOf, ...rest } = options
  if (keyOf !== undefined) requireFunction('key', keyOf)
  const cache = createAside<NonNullable<R>, Args>({
    ...(rest as AsideOptions<NonNullable<R>, Args>),
    key: (args) => (keyOf ? keyOf(...args) : argumentKey(args)),
  })
  type Result = NonNullable<R> | null | undefined
  const call = async (args: Args): Promise<Result> => (await fn(...args)) as Result
  return Object.assign((...args: Args) => cache.getOrLoad(args, () => call(args)) as Promise<R>, {
    refresh: (...args: Args) => cache.refresh(args, () => call(args)) as Promise<R>,
    peek: (...args: Args) => cache.peek(args),
    has: (...args: Args) => cache.has(args),
    invalidate: async (...args: Args) => (await cache.invalidate([args])) === 1,
    clear: () => cache.clear(),
    idle: () => cache.idle(),
  })
}

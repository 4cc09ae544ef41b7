import type { CacheClient } from '@cache/core'
import type { FactoryProvider, InjectionToken, OptionalFactoryDependency } from '@nestjs/common'
import { getCacheClientToken } from './tokens.js'

/** Options of `cacheProvider`. */
export interface CacheProviderOptions<T> {
  /** The token by which the cache is injected. */
  readonly provide: InjectionToken<T>
  /** The name of the client. Default 'default'. */
  readonly client?: string
  /** What `useFactory` gets after the client: the sources of the cache. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[]
  /** Creates the cache, the locks or the limiter. */
  readonly useFactory: (client: CacheClient, ...injected: any[]) => T | Promise<T>
}

/**
 * Returns a provider of a cache, of locks, or of anything else on a client of `CacheModule`. What
 * it creates is closed with the client.
 *
 * @example
 * cacheProvider({
 *   provide: PRODUCTS,
 *   inject: [ProductsRepository],
 *   useFactory: (client, rows: ProductsRepository) =>
 *     createReadThrough({ client, prefix: 'product', ttl: '1h', load: rows.find.bind(rows) }),
 * })
 */
export function cacheProvider<T>({
  provide,
  client,
  inject = [],
  useFactory,
}: CacheProviderOptions<T>): FactoryProvider<T> {
  return { provide, inject: [getCacheClientToken(client), ...inject], useFactory }
}

import { Inject } from '@nestjs/common'
import { DEFAULT_CLIENT } from '../decorators/client.js'

/** Returns the injection token of a client of `CacheModule`, for providers and tests. */
export function getCacheClientToken(name: string = DEFAULT_CLIENT): symbol {
  return Symbol.for(`CacheClient(${name})`)
}

/** Returns the injection token of what a client was made of, and is closed with. */
export function connectionToken(name: string): symbol {
  return Symbol.for(`CacheConnection(${name})`)
}

/**
 * Injects a `CacheClient` of `CacheModule`.
 *
 * @example constructor(`@InjectCacheClient('sessions')` private readonly client: CacheClient) {}
 */
export function InjectCacheClient(
  name: string = DEFAULT_CLIENT,
): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheClientToken(name))
}

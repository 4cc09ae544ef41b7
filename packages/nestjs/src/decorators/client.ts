import { UsageError, type CacheClient } from '@cache/core'
import { checkClient, clientOption, customOption, type Option } from '@cache/core/internal'

/**
 * Where a decorated method finds its cache client: the name of a client, a client, or a function
 * that returns it from the object that has the method.
 */
export type ClientSource = string | CacheClient | ((self: any) => CacheClient)

/** The name of a client that has been given none. */
export const DEFAULT_CLIENT = 'default'

/** The option `client` of all decorators. */
export const clientSourceOption: Option<ClientSource> = customOption((value, path) => {
  if (value === undefined) return DEFAULT_CLIENT
  if ((typeof value === 'string' && value !== '') || typeof value === 'function')
    return value as ClientSource
  return clientOption.check(value, path)
})

/**
 * Tells an object which client its decorated methods use. NestJS does this for the objects that it
 * creates. You need it for those that you create: in a `useFactory`, in a test, or without NestJS.
 *
 * @throws {InvalidOptionError} if `client` is not a client.
 * @example
 * const products = useCacheClient(new Products(db), createCacheClient(memoryDriver()))
 */
export function useCacheClient<T extends object>(
  object: T,
  client: CacheClient,
  name: string = DEFAULT_CLIENT,
): T {
  return Object.defineProperty(object, propertyOf(name), {
    value: checkClient(client),
    writable: true,
    configurable: true,
  })
}

/** The property of an object that has the client of this name. */
export function propertyOf(name: string): symbol {
  return Symbol.for(`@cache/nestjs client ${name}`)
}

/** Returns the client of a decorated method that was called on `self`. @throws {UsageError} */
export function clientFor(source: ClientSource, self: unknown, method: string): CacheClient {
  if (typeof source === 'function') return checkClient(source(self))
  if (typeof source !== 'string') return source
  const client = (self as Record<symbol, CacheClient | undefined> | null | undefined)?.[
    propertyOf(source)
  ]
  if (client) return client
  throw new UsageError(
    `${method} was called on an object that has no cache client "${source}". ` +
      'NestJS sets it on objects that it creates itself. For others, call useCacheClient(' +
      'object, client), or pass the option "client" to the decorator.',
  )
}

import type { KeyValueCache } from '@apollo/utils.keyvaluecache'
import { InvalidKeyError } from '@cache/core'
import { choiceOption, readCacheOptions, type OptionTable } from '@cache/core/internal'
import { storeOptions, StoredValues, type OnOutage, type StoreOptions } from './stored-values.js'

export type { OnOutage, StoreOptions } from './stored-values.js'

/** Options of `createApolloCache`. */
export interface ApolloCacheOptions extends StoreOptions {
  /**
   * What `get` does while Redis does not answer. `'bypass'`: it finds nothing. `'reject'`: it
   * rejects. `set` and `delete` always reject. Default `'bypass'`.
   */
  readonly onOutage?: OnOutage
}

/** The rows of `ApolloCacheOptions`. */
const apolloOptions = {
  ...storeOptions,
  onOutage: choiceOption(['bypass', 'reject'], 'bypass'),
} satisfies OptionTable<ApolloCacheOptions>

/**
 * Creates a `KeyValueCache` for Apollo Server: `new ApolloServer({ cache })`. The option `ttl` of
 * `set` is in seconds.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const cache = createApolloCache({ client, prefix: 'apollo', ttl: '1d' })
 * const server = new ApolloServer({ typeDefs, resolvers, cache })
 */
export function createApolloCache(options: ApolloCacheOptions): KeyValueCache {
  const values = new StoredValues(
    'values of Apollo',
    readCacheOptions('createApolloCache', apolloOptions, options),
  )
  return {
    async get(key) {
      try {
        return (await values.read([values.keyOf(key)]))[0] as string | undefined
      } catch (error) {
        if (error instanceof InvalidKeyError) return undefined // No value can have this key.
        throw error
      }
    },
    set: async (key, value, { ttl } = {}) => {
      await values.store(
        values.keyOf(key),
        value,
        typeof ttl === 'number' ? ttl * 1_000 : undefined,
      )
    },
    delete: async (key) => values.delete(values.keyOf(key)),
  }
}

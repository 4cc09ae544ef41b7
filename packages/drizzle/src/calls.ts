import { AsyncLocalStorage } from 'node:async_hooks'
import type { Duration } from '@cache/core'
import type { CachedQuery } from './cached-query.js'
import type { CheckedReadOptions } from './read-options.js'

/**
 * What the session of a cached database tells the cache about the statement that Drizzle executes.
 * Drizzle calls the methods of the cache within it.
 */
export type Call =
  /** Get the rows of this query from the cache, or load them with `execute`. */
  | {
      readonly does: 'read'
      readonly query: Omit<CachedQuery, 'load'>
      readonly ttl: Duration | undefined
      readonly execute: () => Promise<unknown>
    }
  /** Ask the database, and keep its answer for the loader that has asked. */
  | { readonly does: 'load'; response?: unknown }
  /** Ask the database alone: a read in a transaction. */
  | { readonly does: 'bypass' }
  /** The session takes care of the groups that change. */
  | { readonly does: 'write' }
  /** Cache the query that is prepared now, whatever the strategy is. */
  | { readonly does: 'choose'; readonly options: CheckedReadOptions; prepared: boolean }

export const calls = new AsyncLocalStorage<Call>()

import type { TransactionScope } from '@cache/core/internal'
import type { Query } from 'drizzle-orm'
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types'
import type { PgDatabase } from 'drizzle-orm/pg-core'
import type { Engine } from './engine.js'
import type { Metadata } from './statement.js'

/** The part of a session of Drizzle that every driver has, and that is typed there in full. */
export interface Session {
  prepareQuery(
    query: Query,
    fields: unknown,
    name: unknown,
    isArrayMode: unknown,
    mapper?: unknown,
    metadata?: Metadata,
    config?: WithCacheConfig,
    ...rest: unknown[]
  ): PreparedQuery
  transaction(work: (tx: Transaction) => Promise<unknown>, ...rest: unknown[]): Promise<unknown>
}

export interface PreparedQuery {
  getQuery(): Query
  execute(values?: Record<string, unknown>, ...rest: unknown[]): Promise<unknown>
}

export type Transaction = Pick<PgDatabase<any, any, any>, '_' | '$cache'> & {
  transaction(work: (tx: Transaction) => Promise<unknown>, ...rest: unknown[]): Promise<unknown>
}

/** What is known about a session whose methods were replaced. */
export interface CachedSession {
  readonly engine: Engine
  /** The transaction that is open on its connection. */
  scope: TransactionScope | undefined
}

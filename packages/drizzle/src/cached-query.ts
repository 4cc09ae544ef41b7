import type { LoadContext } from '@cache/core'

/** A query whose rows are cached. */
export interface CachedQuery {
  /** The parts of its key: 'query' and a hash, or 'tag' and a tag. */
  readonly key: readonly string[]
  /** The groups whose changes make the rows invalid. */
  readonly groups: readonly string[]
  readonly load: (context: LoadContext<Rows>) => Promise<Rows>
}

/** The answer of a driver, ready to be stored. */
export type Rows = NonNullable<unknown>

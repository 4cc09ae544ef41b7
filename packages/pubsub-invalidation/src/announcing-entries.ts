import type { NearEntries } from '@cache/core/internal'
import type { InvalidationBus } from './bus.js'

/**
 * Creates a near cache that stores nothing. An entry store made with it announces on a bus what it
 * changes.
 */
export function createAnnouncingEntries({ internals }: InvalidationBus): NearEntries {
  return {
    get: () => undefined,
    ask: () => ({ answered: () => undefined }),
    change: (keys) => internals.change(keys),
  }
}

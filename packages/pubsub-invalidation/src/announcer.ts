import type { NearEntries } from '@cache/core/internal'
import type { InvalidationBus } from './bus.js'

/** Keeps nothing: entries made with it announce on a bus what they change. */
export function announcer({ wiring }: InvalidationBus): NearEntries {
  return {
    get: () => undefined,
    ask: () => ({ answered: () => undefined }),
    change: (keys) => wiring.change(keys),
  }
}

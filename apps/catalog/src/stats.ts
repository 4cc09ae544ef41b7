import { channels, type Messages } from '@cache/core'

export interface Stats { hits: number; misses: number; loads: number; stale: number; refusedFills: number; errors: number }

/** Counts what the caches of this process say on their diagnostics channels. */
export function countStats(): Stats {
  const stats: Stats = { hits: 0, misses: 0, loads: 0, stale: 0, refusedFills: 0, errors: 0 }
  channels.hit.subscribe((message) => { stats.hits++; if ((message as Messages['hit']).stale) stats.stale++ })
  channels.miss.subscribe(() => { stats.misses++ })
  channels.load.subscribe(() => { stats.loads++ })
  channels.fill.subscribe((message) => { if (!(message as Messages['fill']).stored) stats.refusedFills++ })
  channels.error.subscribe(() => { stats.errors++ })
  return stats
}

import { channels, type Messages } from '@cache/core'

export interface Stats {
  hits: number
  near: number
  misses: number
  loads: number
  stale: number
  refusedFills: number
  errors: number
}

/** Counts the messages that the caches of this process publish on their diagnostics channels. */
export function countStats(): Stats {
  const stats: Stats = {
    hits: 0,
    near: 0,
    misses: 0,
    loads: 0,
    stale: 0,
    refusedFills: 0,
    errors: 0,
  }
  channels.hit.subscribe((message) => {
    const { layer, stale } = message as Messages['hit']
    stats.hits++
    if (layer === 'near') stats.near++
    if (stale) stats.stale++
  })
  channels.miss.subscribe(() => {
    stats.misses++
  })
  channels.load.subscribe(() => {
    stats.loads++
  })
  channels.fill.subscribe((message) => {
    if (!(message as Messages['fill']).stored) stats.refusedFills++
  })
  channels.error.subscribe(() => {
    stats.errors++
  })
  return stats
}

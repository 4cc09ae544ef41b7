import type { Address } from '@cache/testkit'

export const topologies = ['standalone', 'cluster', 'sentinel', 'shards'] as const
export type TopologyName = (typeof topologies)[number]

export const libraries = ['ioredis', 'node-redis'] as const
export type Library = (typeof libraries)[number]

/** How one process gets to Redis: through proxies of its own. */
export interface Reach {
  readonly topology: TopologyName
  readonly library: Library
  /** Where it connects to first: proxies, or Sentinels. */
  readonly entrances: readonly Address[]
  /** The proxy for each server, by the server's `host:port`. */
  readonly proxies: Readonly<Record<string, Address>>
}

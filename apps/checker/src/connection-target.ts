import type { Address } from '@cache/testkit'

export const topologies = ['standalone', 'cluster', 'sentinel', 'shards'] as const
export type TopologyName = (typeof topologies)[number]

export const libraries = ['ioredis', 'node-redis'] as const
export type Library = (typeof libraries)[number]

/** How one process connects to Redis: through its own proxies. */
export interface ConnectionTarget {
  readonly topology: TopologyName
  readonly library: Library
  /** The first addresses to connect to: proxies, or Sentinels. */
  readonly seeds: readonly Address[]
  /** The proxy of each server, by the server's `host:port`. */
  readonly proxies: Readonly<Record<string, Address>>
}

import type { Driver, Duration } from '@cache/core'
import type { Placement } from './placement/placement.js'

/**
 * The shards by name. A name stands for a server and its data. Placement looks at nothing but the
 * names and the weights, so a server that moves to another address keeps its name.
 */
export type Shards = Readonly<
  Record<string, Driver | { readonly driver: Driver; /** Default 1. */ readonly weight?: number }>
>

/** A set of shards, and the placement that decides which key is on which shard. */
export interface ShardLayout {
  /** The shards by name: a driver, or `{ driver, weight }`, for each. The default weight is 1. */
  readonly shards: Shards
  /** Decides which key is on which shard. Default `rendezvous()`. */
  readonly placement?: Placement
}

export interface ShardedDriverOptions extends ShardLayout {
  /**
   * How long a change of shards is announced before it happens. All processes must call `reshard`
   * within this time. From '200ms' to '1d'. Default 30 s.
   */
  readonly announceFor?: Duration
  /**
   * What happens to commands for keys of a shard that does not answer. `'fail'`: they fail.
   * `'next'`: they go to the other shards, for data that may be lost, and that may be stale when
   * the shard is back. Default 'fail'.
   */
  readonly onShardDown?: 'fail' | 'next'
  /**
   * The circuit breaker of each shard. It opens after at least `failures` sends in a row without a
   * reply, when the shard has sent nothing at all since a command older than `timeout`. Then
   * nothing is sent there for `cooldown`, and after that a single probe. The client's breaker is
   * not used. Default `{ failures: 5, cooldown: '1s' }`.
   */
  readonly breaker?: { readonly failures?: number; readonly cooldown?: Duration }
  /**
   * How long a command without a timeout of its own waits for its reply. A shard must also be
   * silent for this long until its breaker opens. Default 1 s.
   */
  readonly timeout?: Duration
}

export interface ReshardOptions {
  /**
   * Names of old shards that are gone for good: nothing is moved from them. Give the same names in
   * all processes. If a shard dies during a change, call `reshard` once more with its name. Default
   * `[]`.
   */
  readonly lost?: readonly string[]
}

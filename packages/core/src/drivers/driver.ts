import type { Command, Reply } from './command.js'
import type { Duration } from '../util/duration.js'
import type { CacheError } from '../errors.js'

export interface SendOptions {
  /**
   * Milliseconds until a command that has no reply settles with `CommandTimeoutError`; the driver's
   * own `timeout` where it is missing.
   */
  readonly timeout?: number
  /**
   * Called for each command as it settles, so that nobody waits for another node's. A driver may
   * leave it uncalled.
   */
  readonly settle?: Settle
}

export type Settle = (place: number, reply: Reply | CacheError) => void

export type Topology = 'standalone' | 'sentinel' | 'cluster' | 'sharded'

/**
 * What `createCacheClient` needs of a Redis client. Small, so that a driver for another client is
 * an afternoon's work: `runDriverTests` from `@cache/core/driver-tests` tells its author when it is
 * done.
 */
export interface Driver {
  /** `'ioredis'`, `'node-redis'`, … */
  readonly name: string
  readonly topology: Topology
  /**
   * One write per node, replies in the order asked, each settled on its own: what failed is a
   * `CacheError` in its place, the promise itself never rejects. Not a transaction. Every command
   * settles within the timeout, and one that timed out or that waits for a connection leaves the
   * client's queue as well: nothing is executed later that was reported as failed before it was
   * written.
   */
  send(
    commands: readonly Command[],
    options?: SendOptions,
  ): Promise<readonly (Reply | CacheError)[]>
  /**
   * Groups keys that one command may name together: all, by slot, or by shard. Keys keep their
   * order within a group.
   */
  group(keys: readonly string[]): readonly (readonly string[])[]
  /**
   * Which node a key is on now, as far as the client knows; where some may be out of reach while
   * others are not.
   */
  nodeOf?(key: string): string | undefined
  /**
   * Ms for which a node has left commands unanswered without any sign of life; 0 while it answers,
   * however late. The node is named as `nodeOf` names it, or `''` where there is one server for
   * all. Without it, the circuit breaker counts every command that got no answer in time.
   */
  silentFor?(node: string): number
  /**
   * Ms since a connection ended whose unanswered commands the client by itself sends again over
   * another one: the first copies may still arrive, late. Infinite where there was none; without
   * it, commands are sent once.
   */
  sinceResend?(): number
  /**
   * `false` where the Redis client can't open another connection: `dedicate` then always rejects.
   */
  readonly dedicates?: boolean
  /** A connection of its own, for blocking commands: without a deadline unless one is given. */
  dedicate(): Promise<Connection>
  /**
   * A connection of its own for messages; from shards, one from each. Resolves once it listens.
   * `gap` is called whenever messages may have been missed, `live` once it listens again, to all
   * shards.
   */
  subscribe(
    channels: readonly string[],
    on: SubscriptionEvents,
    options?: SubscribeOptions,
  ): Promise<Subscription>
  /**
   * Each primary, for commands that concern a node and not a key (SCAN, CLIENT TRACKING, FLUSHDB,
   * SCRIPT).
   */
  nodes(): Promise<readonly NodeHandle[]>
  /** Ends what the driver opened; the client that the user passed in stays open. */
  close(): Promise<void>
}

export interface Connection {
  send(
    commands: readonly Command[],
    options?: SendOptions,
  ): Promise<readonly (Reply | CacheError)[]>
  close(): Promise<void>
}

export interface SubscriptionEvents {
  message(channel: string, payload: string): void
  gap(): void
  live(): void
  /**
   * With a heartbeat, whenever a beat has come back, and before it is live: what was published
   * before `since` (as `performance.now()` counts) has been delivered, and came from the very
   * servers that commands go to.
   */
  alive?(since: number): void
  /**
   * Keys that have changed, where `tracking` asks for them; `undefined`: all of them (FLUSHDB,
   * FLUSHALL).
   */
  invalidated?(keys: readonly string[] | undefined): void
}

export interface SubscribeOptions {
  /** Sharded pub/sub (SSUBSCRIBE, Redis ≥ 7) of one channel, on the node that owns its slot. */
  readonly sharded?: boolean
  /**
   * On a Cluster: a connection to each primary, so that no message has to come over the cluster
   * bus, which may lose it in silence. A message comes once from each. Elsewhere it changes
   * nothing.
   */
  readonly everywhere?: boolean
  /**
   * Ms between two beats: messages of the subscription to itself, published the way that commands
   * go, on channels that begin with the first of its own. When one does not come back until the
   * next is due, or commands go to another server or to one that is no primary, there is a gap.
   * Default: none is sent.
   */
  readonly heartbeat?: number
  /**
   * Tells of every key that changes, whoever changed it, if it begins with one of the prefixes; of
   * all keys if there is no prefix. Source: https://redis.io/docs/latest/commands/client-tracking/
   */
  readonly tracking?: { readonly prefixes: readonly string[] } | undefined
}

export interface Subscription {
  close(): Promise<void>
}

export interface NodeHandle {
  /** `host:port`; of a shard, behind its name and a slash. */
  readonly id: string
  send(
    commands: readonly Command[],
    options?: SendOptions,
  ): Promise<readonly (Reply | CacheError)[]>
}

export interface DriverOptions {
  /** How long a command waits for its reply where its sender does not say. Default 1 s. */
  readonly timeout?: Duration
}

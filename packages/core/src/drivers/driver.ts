import { durationOption, type OptionTable } from '../util/options.js'
import type { Command, Reply } from './command.js'
import type { Duration } from '../util/duration.js'
import type { CacheError } from '../errors.js'

export interface SendOptions {
  /**
   * Milliseconds until a command without a reply results in a `CommandTimeoutError`. Default: the
   * `timeout` of the driver.
   */
  readonly timeout?: number
}

/** The reply to a command, or the error it failed with. */
export type CommandResult = Reply | CacheError

/** The state of a circuit breaker. While it is half open, a probe is due or under way. */
export type Circuit = 'closed' | 'open' | 'half-open'

/** How the servers behind a client are arranged. */
export type Topology = 'standalone' | 'sentinel' | 'cluster' | 'sharded'

/**
 * The contract between `createCacheClient` and a Redis client. It is small, so that you can write a
 * driver for another client in an afternoon. `runDriverTests` from `@cache/core/driver-tests` tells
 * you when the driver is complete.
 */
export interface Driver {
  /** `'ioredis'`, `'node-redis'`, … */
  readonly name: string
  readonly topology: Topology
  /**
   * Sends commands, with one write per node. Returns a promise for the result of each command, in
   * the same order.
   *
   * - Each promise resolves as soon as its command is answered or fails, and never rejects. This is
   *   not a transaction.
   * - Every promise resolves within the timeout.
   * - A command that times out, or that waits for a connection, is also removed from the queue of
   *   the client. A command that was reported as failed before it was written is never executed
   *   later.
   */
  send(commands: readonly Command[], options?: SendOptions): readonly Promise<CommandResult>[]
  /**
   * Groups keys that one command may name together: all keys, those of one slot, or those of one
   * shard. Keys keep their order within a group.
   */
  group(keys: readonly string[]): readonly (readonly string[])[]
  /**
   * Groups keys that are read together, which may be more than `group` permits: all keys of a node
   * of a Cluster. Each group becomes an MGET with `partial: true`. In its reply, the number 0
   * stands for a value that the node could not read, since the key has moved, has another type, or
   * is forbidden. Such a key is read again by itself, with GET. Without this method, `group`
   * decides.
   */
  groupReads?(keys: readonly string[]): readonly (readonly string[])[]
  /**
   * Returns the node that a key is on now, as far as the client knows. Implement this if some nodes
   * may be unreachable while others are not.
   */
  nodeOf?(key: string): string | undefined
  /**
   * Returns the milliseconds for which a node has left commands unanswered and given no other sign
   * of life. It is 0 while the node answers, however late. The node is named as by `nodeOf`, or
   * `''` if there is only one server. Without this method, the circuit breaker counts every command
   * that was not answered in time.
   */
  silentFor?(node: string): number
  /**
   * Returns the circuit breakers that are not closed, by the node as `nodeOf` names it. For drivers
   * that have breakers of their own (shards); the client has those of the others.
   */
  circuits?(): ReadonlyMap<string, Circuit>
  /**
   * Returns the milliseconds since a connection ended whose unanswered commands the client resends
   * over another connection. The first copies of these commands may still arrive, late. It is
   * infinite if there was no such connection. Without this method, commands are assumed to be sent
   * once.
   */
  sinceResend?(): number
  /** `false` if the Redis client cannot open another connection. `dedicate` then always rejects. */
  readonly dedicates?: boolean
  /**
   * Opens a separate connection for blocking commands. Its commands have no deadline, unless one is
   * given.
   */
  dedicate(): Promise<Connection>
  /**
   * Subscribes to channels on a separate connection; with shards, on one connection per shard.
   * Resolves once the subscription is confirmed. `gap` is called whenever messages may have been
   * missed, and `live` once it receives messages again, from all shards.
   */
  subscribe(
    channels: readonly string[],
    on: SubscriptionEvents,
    options?: SubscribeOptions,
  ): Promise<Subscription>
  /**
   * Returns a handle for each primary, for commands that concern a node instead of a key (SCAN,
   * CLIENT TRACKING, FLUSHDB, SCRIPT).
   */
  nodes(): Promise<readonly NodeHandle[]>
  /**
   * Closes all connections that the driver opened. The client that the user passed in stays open.
   */
  close(): Promise<void>
}

/** A separate connection, see `Driver.dedicate`. */
export interface Connection {
  send(commands: readonly Command[], options?: SendOptions): readonly Promise<CommandResult>[]
  close(): Promise<void>
}

/** The callbacks of a subscription. */
export interface SubscriptionEvents {
  message(channel: string, payload: string): void
  /** Messages may have been missed. */
  gap(): void
  /** The subscription receives messages again after a gap. */
  live(): void
  /**
   * With a heartbeat: called whenever a beat has returned, and before the subscription is live.
   * Everything that was published before `since` (on the clock of `performance.now()`) has been
   * delivered, and came from the same servers that commands are sent to.
   */
  alive?(since: number): void
  /**
   * With `tracking`: the keys that have changed. `undefined` stands for all keys (FLUSHDB,
   * FLUSHALL).
   */
  invalidated?(keys: readonly string[] | undefined): void
}

export interface SubscribeOptions {
  /**
   * Use sharded pub/sub (SSUBSCRIBE, Redis ≥ 7) for one channel, on the node that owns its slot.
   */
  readonly sharded?: boolean
  /**
   * On a Cluster: open a connection to each primary, so that no message has to be delivered over
   * the cluster bus, which may lose messages silently. Each connection delivers a message once.
   * This has no effect on other topologies.
   */
  readonly everyPrimary?: boolean
  /**
   * Milliseconds between two beats. Default: no beats are sent.
   *
   * Beats are messages that the subscription publishes to itself over the connection for commands,
   * on channels that begin with the name of the first subscribed channel. There is a gap if a beat
   * does not return until the next one is due, or if commands go to another server or to one that
   * is not a primary.
   */
  readonly heartbeat?: number
  /**
   * Report every key that changes, whoever changed it, if the key begins with one of the prefixes.
   * Without prefixes, all keys are reported. Source:
   * https://redis.io/docs/latest/commands/client-tracking/
   */
  readonly tracking?: { readonly prefixes: readonly string[] } | undefined
}

/** An open subscription. */
export interface Subscription {
  close(): Promise<void>
}

/** Sends commands to one primary. */
export interface NodeHandle {
  /** `host:port`; with shards, after the name of the shard and a slash. */
  readonly id: string
  send(commands: readonly Command[], options?: SendOptions): readonly Promise<CommandResult>[]
}

/** The options of both drivers. */
export interface DriverOptions {
  /** How long a command waits for its reply if the sender does not set a timeout. Default: 1 s. */
  readonly timeout?: Duration
}

/** The rows of `DriverOptions`. */
export const driverOptions = {
  timeout: durationOption('1s'),
} satisfies OptionTable<DriverOptions>

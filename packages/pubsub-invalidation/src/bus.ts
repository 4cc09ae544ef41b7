import type { CacheClient, KeyPart } from '@cache/core'
import type { NearChange } from '@cache/core/internal'

/**
 * Names a key: its parts, as `client.key(…)` takes them, or the key as it is in Redis, with or
 * without the client's namespace.
 */
export type KeyName = string | readonly KeyPart[]

/** What to invalidate. */
export interface Invalidation {
  readonly keys?: readonly KeyName[]
  /** Invalidates all keys that begin with this prefix. */
  readonly prefix?: string
  /**
   * Names of groups, also known as tags. Near caches assign entries to groups with their option
   * `groups`.
   */
  readonly groups?: readonly string[]
}

/** What a listener receives: complete keys and prefixes, as they are in Redis. */
export interface Invalidated {
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  readonly groups: readonly string[]
  /**
   * Id of the sender: a bus or a near cache of some process. '' if Redis itself reported the change
   * (tracking).
   */
  readonly from: string
  /** Number of the message among all messages of its sender. */
  readonly sequence: number
}

export interface BusEvents {
  /** Called when another process, or this one, has invalidated something. */
  invalidate(message: Invalidated): void
  /** Called when messages may be missed from now on. */
  gap(): void
  /**
   * Called when the bus listens again. `missedNothing`: every message that was sent during the gap
   * has been delivered by now (`onGap: 'replay'`).
   */
  live(missedNothing: boolean): void
}

export interface BusStats {
  readonly published: number
  readonly received: number
  /** Received messages that this process sent and whose content it knew already. */
  readonly own: number
  /** Received messages that had arrived before from another node of the Cluster. */
  readonly repeated: number
  /** Received messages that are too long, not JSON, or of an unknown shape or version. */
  readonly unreadable: number
  /** How many times messages may have been missed. */
  readonly gaps: number
}

/** Sends invalidations to all processes and receives theirs. */
export interface InvalidationBus {
  /**
   * Whether the bus listens now, judged by its last sign of life. It starts to listen when it is
   * created, and retries until it succeeds.
   */
  readonly live: boolean
  /**
   * Resolves when the bus listens. Rejects if the current attempt fails; the bus retries all the
   * same.
   */
  ready(): Promise<void>
  /**
   * Sends an invalidation to all listeners, including those of this process, which have received it
   * when this resolves. What is published in one tick is sent as one message, without duplicates.
   * Rejects if Redis does not accept the message.
   */
  publish(invalidation: Invalidation): Promise<void>
  /** Adds a listener. Returns a function that removes it. */
  on<E extends keyof BusEvents>(event: E, listener: BusEvents[E]): () => void
  stats(): BusStats
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /** Internal: what near caches and invalidators need of a bus. */
  readonly internals: BusInternals
}

/** What near caches and invalidators need of a bus. */
export interface BusInternals {
  /**
   * The client of the bus. Names in messages begin with the client's namespace, and heartbeats go
   * to the servers that the driver sends commands to.
   */
  readonly client: CacheClient
  /**
   * Until when the last sign of life is valid, by `performance.now()`: two heartbeats after it was
   * requested. -Infinity while messages may be missed. Near caches compare it with the clock at
   * each read, because no timer runs while the process is busy or stopped.
   */
  readonly freshUntil: number
  /**
   * Where scripts announce what they change; `undefined` if Redis itself reports changes
   * (tracking).
   */
  readonly announceTo: { readonly channel: string; readonly log?: string | undefined } | undefined
  /** Whether the bus is told when this key changes. */
  covers(key: string): boolean
  /**
   * Starts a change by this process, which is announced in the name of the bus. The listeners of
   * the bus in this process are told when the change is done.
   */
  change(keys: readonly string[]): NearChange
}

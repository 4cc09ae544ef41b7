import type { CacheClient, KeyPart } from '@cache/core'
import { rawKey, type NearChange, type OptionChecks } from '@cache/core/internal'

/**
 * Names a key: its parts, as `client.key(…)` takes them, or the key as it stands, with or without
 * the client's namespace before it.
 */
export type KeyName = string | readonly KeyPart[]

/** What is no longer right. */
export interface Invalidation {
  readonly keys?: readonly KeyName[]
  /** All keys that begin so. */
  readonly prefix?: string
  /** Whatever those who listen keep under these names: near caches by their option `groups`. */
  readonly groups?: readonly string[]
}

/** What a listener is told: whole keys and whole prefixes, as they are in Redis. */
export interface Invalidated {
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  readonly groups: readonly string[]
  /**
   * Who says it: a bus or a near cache of some process; '' for what Redis itself tells (tracking).
   */
  readonly from: string
  /** Counts what the sender said. */
  readonly nth: number
}

export interface BusEvents {
  /** Something is no longer right: told by another process, or by this one. */
  invalidate(message: Invalidated): void
  /** From now on messages may be missed. */
  gap(): void
  /**
   * It listens again. `missedNothing`: what was said meanwhile has been told by now (`onGap:
   * 'replay'`).
   */
  live(missedNothing: boolean): void
}

export interface BusStats {
  readonly published: number
  readonly received: number
  /** Of those: this process' own, known already. */
  readonly own: number
  /** Of those: what had come before, from another node of the Cluster. */
  readonly repeated: number
  /** Of those: not understood, because too long, no JSON, or of another shape or version. */
  readonly unreadable: number
  /** How often messages may have been missed. */
  readonly gaps: number
}

/** Tells all processes what is no longer right, and hears it from them. */
export interface InvalidationBus {
  /**
   * Whether it listens now, by its last sign of life. It begins to when it is made, and starts over
   * until it can.
   */
  readonly live: boolean
  /**
   * Resolves once it listens; rejects if the attempt under way fails. It goes on trying all the
   * same.
   */
  ready(): Promise<void>
  /**
   * Tells everybody, listeners of this process included: those know it by the time this resolves.
   * What is published in one tick leaves as one message, without doubles. Rejects if Redis does not
   * take it.
   */
  publish(invalidation: Invalidation): Promise<void>
  /** Returns how to stop listening. */
  on<E extends keyof BusEvents>(event: E, listener: BusEvents[E]): () => void
  stats(): BusStats
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /** What near caches ask of a bus. */
  readonly wiring: BusWiring
}

export interface BusWiring {
  /**
   * Its client's. Names in its messages begin with the client's namespace, and its heartbeat goes
   * where the driver's commands go.
   */
  readonly client: CacheClient
  /**
   * Until when (as `performance.now()` counts) its last sign of life is good: two heartbeats after
   * it was asked for. -Infinity while messages may be missed. Near caches look at it for each read,
   * as nothing else runs while the process is busy or stopped.
   */
  readonly freshUntil: number
  /** Where scripts announce what they change; nowhere, where Redis itself tells (tracking). */
  readonly announcing: { readonly channel: string; readonly log?: string | undefined } | undefined
  /** Whether it is told when this key changes. */
  covers(key: string): boolean
  /**
   * A change by this process, announced in the bus' own name; the bus' listeners here know it once
   * it is done.
   */
  change(keys: readonly string[]): NearChange
}

/** The whole key that is meant. @throws {InvalidKeyError} for one that no entry can have. */
export function wholeKey(client: CacheClient, name: KeyName): string {
  return typeof name === 'string' ? rawKey(inNamespace(client, name)) : client.key(...name)
}

export function inNamespace({ namespace }: CacheClient, text: string): string {
  return namespace === '' || text.startsWith(`${namespace}:`) ? text : `${namespace}:${text}`
}

/**
 * A bus of this client: of the same driver, so that messages come from where commands go, and of
 * the same namespace.
 */
export function busOf(check: OptionChecks, client: CacheClient): InvalidationBus {
  const bus = check.shaped<InvalidationBus>(
    'bus',
    ['publish', 'on', 'ready', 'close'],
    'a bus: createInvalidationBus(…) or createTrackingBus(…)',
  )
  const { wiring } = bus as { readonly wiring?: BusWiring }
  if (wiring?.client === undefined)
    check.fail('bus', 'a bus: createInvalidationBus(…) or createTrackingBus(…)')
  if (wiring.client.namespace !== client.namespace)
    check.fail('bus', `a bus of a client with the same namespace, "${client.namespace}"`)
  if (wiring.client.driver !== client.driver)
    check.fail(
      'bus',
      'a bus of this client, or of one with the same driver: its messages must come from where the commands go',
    )
  return bus
}

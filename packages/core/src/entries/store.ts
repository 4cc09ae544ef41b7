import type { Argument } from '../drivers/command.js'
import type { Batch } from '../client/batch/batch.js'
import type { PendingReleases } from '../client/pending-releases.js'
import type { Script } from '../client/script.js'
import type { CacheError, ConnectionError } from '../errors.js'
import { createChangeSteps } from './change-steps.js'
import type { Entry } from './entry.js'
import type { Format } from './format.js'
import { createLeaseSteps } from './lease-steps.js'
import { LostReplies } from './lost-replies.js'
import type { NearEntries } from './near.js'
import { createReadSteps } from './read-steps.js'
import type { Lease, LeaseRequest, Write } from './requests.js'
import { createSourceWriteSteps } from './source-write-steps.js'
import { StepRunner } from './step-runner.js'

/**
 * The only way to read and change cached values (protocol.md).
 *
 * Every step is one script, so it is atomic and takes one round trip. Steps of one tick are sent
 * together. Two guarantees follow, whatever runs elsewhere and whichever process crashes:
 *
 * - Nothing stale after the answer: a read that begins after an `invalidate`, `put` or
 *   `commitWrite` of its key was acknowledged never gets a value that was loaded before it.
 * - A crash heals itself: a writer that dies between `beginWrite` and `commitWrite` leaves nothing
 *   stale for longer than its intent.
 *
 * Source: leases are from "Scaling Memcache at Facebook" (NSDI '13), §3.2.1.
 */
export interface EntryStore {
  /**
   * The number of steps that one call should have in flight, so that it fits into
   * `resilience.maxInFlight` together with other calls.
   */
  readonly atOnce: number
  /** The maximum number of requests that wait for Redis: `resilience.maxInFlight`. */
  readonly maxInFlight: number
  /** How long a read waits for Redis, in ms: `resilience.readTimeout`. */
  readonly readTimeout: number
  /** How long a change waits for Redis, in ms: `resilience.writeTimeout`. */
  readonly writeTimeout: number
  /** The near cache, which is read before Redis. */
  readonly near?: NearEntries | undefined
  /** Returns a store of the same entries with this near cache. */
  withNear(near: NearEntries): EntryStore
  /**
   * Returns the error for a request of a pattern that is refused because `waiting` others wait for
   * Redis, and reports it to the failure log of the client.
   */
  overloaded(waiting: number, key: string): ConnectionError

  /**
   * Resolves to the entry, or to `undefined` if there is none or it can't be decoded. Rejects if
   * Redis does not answer. Pass `'near'` if you have already checked the near cache.
   */
  read<T>(key: string, format: Format<T>, alreadyChecked?: 'near'): Promise<Entry<T> | undefined>
  /**
   * Reads many entries like `read`, and resolves to them in the order of `keys`. If some keys
   * can't be read, the error takes the position of each of them.
   */
  readMany<T>(
    keys: readonly string[],
    format: Format<T>,
    alreadyChecked?: 'near',
  ): Promise<readonly (Entry<T> | CacheError | undefined)[]>
  /** Reads an entry like `read`, together with its remaining life. Slightly more expensive. */
  readWithLife<T>(
    key: string,
    format: Format<T>,
    alreadyChecked?: 'near',
  ): Promise<Entry<T> | undefined>

  /**
   * Asks for the right to load. If there is no answer, the lease may have been granted, or may
   * still be. It is taken back in the background, so each attempt needs a token of its own.
   */
  lease<T>(key: string, format: Format<T>, request: LeaseRequest): Promise<Lease<T>>
  /**
   * Stores the value that the holder of the lease loaded. Resolves to `false` if `token` no longer
   * holds the lease; then nothing was stored.
   */
  fill<T>(key: string, format: Format<T>, token: string, value: T, write: Write): Promise<boolean>
  /**
   * Makes the lease end in `ttl` ms from now. With `yields`, it also ends as soon as another caller
   * asks for it. Resolves to `false` if `token` no longer holds it.
   */
  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean>
  /**
   * Releases the lease. For `skipFor` ms, others do not queue for the next one. If it rejects, the
   * release is retried in the background until Redis has acknowledged it.
   */
  release(key: string, token: string, skipFor?: number): Promise<boolean>

  /**
   * Stores a value that the caller knows to be current. Resolves to `false` if an entry with a
   * newer version exists, which stays; or if a write is in progress, in which case the old entry is
   * deleted and the next read loads.
   */
  put<T>(key: string, format: Format<T>, value: T, write: Write): Promise<boolean>
  /**
   * Deletes entries, except those with a newer version than `version`. Resolves to the number that
   * were deleted.
   */
  invalidate(keys: readonly string[], version?: number): Promise<number>
  /**
   * Makes entries stale: each lives for at most `staleFor` ms, and only as a stale one. Resolves to
   * the number that existed.
   */
  expire(keys: readonly string[], staleFor: number): Promise<number>
  /**
   * Adds to an entry that is a number, or to 0 if there is none. Resolves to the sum. `ttl` (ms) is
   * set if the entry has none.
   *
   * Rejects with `ServerError`, and changes nothing, if the entry is not a whole number or the sum
   * would exceed ±(2^53 - 1). If the connection is lost meanwhile, the amount may have been added.
   * It may be added twice by a Redis client that resends commands that got no reply, as ioredis
   * does by default.
   */
  increment(key: string, amount: number, ttl?: number): Promise<number>

  /** Runs a script that a read waits for: like `client.run`, within `resilience.readTimeout`. */
  run<R>(script: Script<R>, keys: readonly string[], args: readonly Argument[]): Promise<R>
  /**
   * Runs a script of `defineChange` once for each key, as a change of entries: near caches are
   * told. `beside` are further keys in the slot of the entries.
   */
  change<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    beside?: readonly string[],
  ): Promise<readonly R[]>
  /**
   * Runs a script of `defineBulkChange` once for all keys, as a change of these entries. `beside`
   * are further keys, and all of them are in one slot.
   */
  changeTogether<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    beside: readonly string[],
  ): Promise<R>

  /**
   * Announces a change of the source before it is made. If it rejects, the writes that have begun,
   * or may still begin, are ended in the background.
   */
  beginWrite(keys: readonly string[], token: string, intentTtl: number): Promise<void>
  /** Announces a change of one key like `beginWrite`. Resolves to its entry, if there is one. */
  beginUpdate<T>(
    key: string,
    format: Format<T>,
    token: string,
    intentTtl: number,
  ): Promise<Entry<T> | undefined>
  /**
   * Ends the write and stores the value, or deletes the entry if there is no value. If it rejects,
   * the entry is deleted in the background as soon as Redis answers.
   */
  commitWrite<T>(
    key: string,
    token: string,
    write?: Write & { readonly format: Format<T>; readonly value: T },
  ): Promise<'stored' | 'kept' | 'deleted'>
}

interface EntryStoreOptions {
  readonly batch: Batch
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly near?: NearEntries
  /** Retries releases whose requests got no reply. */
  readonly pending: PendingReleases
  /** See `Driver.sinceResend`. */
  readonly sinceResend: () => number
}

/** Creates the entry store of a client. */
export function createEntryStore(options: EntryStoreOptions): EntryStore {
  const { batch, readTimeout, writeTimeout, near, pending, sinceResend } = options
  const runner = new StepRunner(options)
  const lostReplies = new LostReplies(runner, pending, sinceResend)
  return {
    atOnce: batch.atOnce,
    maxInFlight: batch.maxInFlight,
    overloaded: (waiting, key) => batch.overloaded(waiting, key),
    readTimeout,
    writeTimeout,
    near,
    withNear: (other) => createEntryStore({ ...options, near: other }),
    run: (script, keys, args) => runner.run(script, keys, args, readTimeout),
    ...createReadSteps(runner),
    ...createLeaseSteps(runner, lostReplies),
    ...createChangeSteps(runner, lostReplies),
    ...createSourceWriteSteps(runner, lostReplies),
  }
}

import type { CacheClient, Duration, Size } from '@cache/core'
import { checkClient, checkOptions, type OptionChecks } from '@cache/core/internal'
import { busOf, type InvalidationBus } from '../bus.js'
import { NearCache, type NearSettings } from './near-cache.js'

export interface NearCacheOptions {
  /**
   * What tells of invalidations. It is of this client, or of one with the same driver and the same
   * namespace.
   */
  readonly bus: InvalidationBus
  /**
   * The most entries it keeps; the least recently used go first. Default 10 000, at most 2^24: more
   * a Map can't hold.
   */
  readonly maxEntries?: number
  /**
   * The most bytes its entries have together, with their keys. A value counts with what it takes in
   * memory when it is decoded, by an estimate, and with no less than what is stored in Redis: what
   * a codec has compressed counts in full. A value that is larger is not kept. Default '64mb'.
   */
  readonly maxBytes?: Size
  /**
   * How long an entry is kept at most; never longer than it has left to live in Redis. Default 30
   * s.
   */
  readonly ttl?: Duration
  /**
   * Hand out copies of all values, as `structuredClone` makes them (but a Buffer stays a Buffer),
   * that callers may change. Default false: all share one value.
   */
  readonly clone?: boolean
  /**
   * Freeze the values that are shared, so that code which changes one gets a TypeError instead of
   * changing what others read. A value that holds a Map, a Set, a Date or bytes can't be frozen:
   * each reader is given a copy of it. Default true; `false` shares values as they are.
   */
  readonly freeze?: boolean
  /**
   * The groups that a value is in, for `bus.publish({ groups })`. Default: such a message empties
   * the near cache.
   */
  readonly groups?: (key: string, value: any) => readonly string[]
}

export interface NearStats {
  readonly hits: number
  readonly misses: number
  /** Entries dropped because a message, or this process, said so. */
  readonly invalidated: number
  /** Answers of Redis that were used and not kept, since their key was invalidated on their way. */
  readonly refused: number
  readonly entries: number
  /** What they have together, as `maxBytes` counts. */
  readonly bytes: number
  /**
   * `false` while messages may be missed, or no sign of life has come for two heartbeats: then
   * everything is asked of Redis.
   */
  readonly answering: boolean
}

export interface NearCacheClient extends CacheClient {
  readonly near: {
    stats(): NearStats
    /** Drops everything, in this process only. */
    clear(): void
  }
}

/**
 * The client, with a near cache: a `CacheClient` for every pattern. What it keeps is answered in
 * the process, and nothing is sent. Promises, with a bus on which all who change these entries
 * announce it:
 *
 * - after an acknowledged invalidation or write this process never sees the old value, and others
 *   no longer than the message takes;
 * - no lost message leaves anything stale: on a gap nothing is answered from it until the bus
 *   listens again, and what was kept is gone;
 * - what it answers is never older than two heartbeats of the bus, however long the process was
 *   busy or stopped, and wherever commands go.
 *
 * What is changed by other means than the patterns (`client.send`, `redis-cli`) is heard of on a
 * tracking bus only.
 *
 * `close()` ends the near cache; the client and the bus stay open: they are yours.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const near = withNearCache(client, { bus: createInvalidationBus({ client }), maxEntries: 10_000 })
 * const products = createAside<Product>({ client: near, prefix: 'product', ttl: '1h' })
 */
export function withNearCache(client: CacheClient, options: NearCacheOptions): NearCacheClient {
  const inner = checkClient(checkOptions('client', { client }, ['client']))
  const check = checkOptions('withNearCache', options, ['bus', ...nearOptions])
  const near = new NearCache({ bus: busOf(check, inner), ...checkNear(check) })
  const close = async (): Promise<void> => near.close()
  return {
    ...inner,
    entries: inner.entries.withNear(near),
    near: { stats: () => near.stats(), clear: () => near.clear() },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * The names of these options, without the bus. For packages that take them as options of their own.
 */
export const nearOptions = ['maxEntries', 'maxBytes', 'ttl', 'clone', 'freeze', 'groups'] as const

/**
 * Checks these options, wherever they stand. @throws {InvalidOptionError} naming the option with
 * its path.
 */
export function checkNear(check: OptionChecks): Omit<NearSettings, 'bus'> {
  return {
    maxEntries: check.number('maxEntries', { min: 1, max: 2 ** 24, integer: true }, 10_000),
    maxBytes: check.size('maxBytes', '64mb'),
    ttl: check.duration('ttl', 30_000),
    clone: check.oneOf('clone', [true, false], false),
    freeze: check.oneOf('freeze', [true, false], true),
    groups: check.function('groups'),
  }
}

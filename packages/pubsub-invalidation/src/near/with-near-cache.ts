import type { CacheClient, Duration, Size } from '@cache/core'
import {
  addGauge,
  checkClient,
  closeWith,
  durationOption,
  flagOption,
  functionOption,
  numberOption,
  readOptions,
  sizeOption,
  type Measurements,
  type OptionTable,
} from '@cache/core/internal'
import type { InvalidationBus } from '../bus.js'
import { busOption, checkBus } from '../check-bus.js'
import { NearCache } from './near-cache.js'
import type { NearStats } from './near-stats.js'

export interface NearCacheOptions {
  /**
   * The bus that reports invalidations: a bus of this client, or of a client with the same driver
   * and namespace.
   */
  readonly bus: InvalidationBus
  /**
   * The maximum number of entries. The least recently used entries are dropped first. At
   * most 2^24, because a Map can't hold more. Default 10 000.
   */
  readonly maxEntries?: number
  /**
   * The maximum size of all entries together with their keys. The size of a value is an estimate of
   * the memory that it takes when it is decoded, and at least its size in Redis, so a compressed
   * value counts in full. A value that is larger than the maximum is not cached. Default '64mb'.
   */
  readonly maxBytes?: Size
  /**
   * The maximum time for which an entry is cached. It is never cached for longer than its remaining
   * time to live in Redis. Default 30 s.
   */
  readonly ttl?: Duration
  /**
   * Whether each reader gets a copy of the value, which it may change. Copies are made with
   * `structuredClone`, except that a Buffer stays a Buffer. Without this, all readers share one
   * value. Default false.
   */
  readonly clone?: boolean
  /**
   * Whether shared values are frozen, so that code which changes a value gets a TypeError instead
   * of changing what others read. A value with a Map, a Set, a Date or bytes can't be frozen: each
   * reader gets a copy of it. Default true. `false` shares values as they are.
   */
  readonly freeze?: boolean
  /**
   * Returns the groups (tags) of a value, for `bus.publish({ groups })`. Without it, a message
   * about groups empties the near cache.
   */
  readonly groups?: (key: string, value: any) => readonly string[]
}

export interface NearCacheClient extends CacheClient {
  readonly near: {
    stats(): NearStats
    /** Drops all entries, in this process only. */
    clear(): void
  }
}

/**
 * Adds a near cache to a client: a cache of decoded values in the process. The result is a
 * `CacheClient` for every pattern. A near hit sends nothing to Redis.
 *
 * All processes that change these entries must do it through a client on such a bus. Then:
 *
 * - After an acknowledged invalidation or write, this process never reads the old value. Other
 *   processes read it no longer than the message takes.
 * - No lost message leaves anything stale. During a gap, the near cache answers nothing until the
 *   bus listens again, and its entries are dropped.
 * - An answer is never older than two heartbeats of the bus, however long the process was busy or
 *   stopped, and wherever commands go.
 *
 * Changes that are not made by the patterns (`client.send`, `redis-cli`) are reported on a tracking
 * bus only.
 *
 * `close()` ends the near cache alone; `close()` of the client and of the bus end it as well.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const bus = createInvalidationBus({ client })
 * const near = withNearCache(client, { bus, maxEntries: 10_000 })
 * const products = createAside<Product>({ client: near, prefix: 'product', ttl: '1h' })
 */
export function withNearCache(client: CacheClient, options: NearCacheOptions): NearCacheClient {
  const inner = checkClient(client)
  const { bus, ...settings } = readOptions(
    'withNearCache',
    { bus: busOption, ...nearOptions },
    options,
  )
  const near = new NearCache({ bus: checkBus(bus, inner), ...settings })
  closeWith(inner, near)
  const removeGauge = addGauge(inner, 'near', '', near, measureNear)
  const close = async (): Promise<void> => {
    removeGauge()
    near.close()
  }
  return {
    ...inner,
    entries: inner.entries.withNear(near),
    near: { stats: () => near.stats(), clear: () => near.clear() },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function measureNear(near: NearCache): Measurements['near'] {
  const { entries, bytes, answering } = near.stats()
  return { entries, bytes, answering }
}

/** The rows of `NearCacheOptions` without `bus`. For packages that accept these options. */
export const nearOptions = {
  maxEntries: numberOption({ min: 1, max: 2 ** 24, integer: true }, 10_000),
  maxBytes: sizeOption('64mb'),
  ttl: durationOption('30s'),
  clone: flagOption(false),
  freeze: flagOption(true),
  groups: functionOption(),
} satisfies OptionTable<Omit<NearCacheOptions, 'bus'>>

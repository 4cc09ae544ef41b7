import { channels } from '../client/telemetry.js'
import { hitRateOf, type CacheStats } from './cache-stats.js'

/** What `Recorder.count` counts. */
export type Counted = 'writes' | 'invalidations'

/**
 * Counts what the reads of one cache do, and publishes it on the diagnostics channels. While a
 * channel has no subscribers, a count allocates nothing.
 */
export class Recorder {
  readonly prefix: string
  #nearHits = 0
  #redisHits = 0
  #staleHits = 0
  #misses = 0
  #joined = 0
  #loads = 0
  #loadErrors = 0
  #loadMs = 0
  #fills = 0
  #refusedFills = 0
  #writes = 0
  #invalidations = 0

  constructor(prefix: string) {
    this.prefix = prefix
  }

  hit(key: string, stale: boolean, layer: 'near' | 'redis'): void {
    if (layer === 'near') this.#nearHits++
    else this.#redisHits++
    if (stale) this.#staleHits++
    if (channels.hit.hasSubscribers)
      channels.hit.publish({ prefix: this.prefix, key, stale, layer })
  }

  miss(key: string): void {
    this.#misses++
    if (channels.miss.hasSubscribers) channels.miss.publish({ prefix: this.prefix, key })
  }

  joined(): void {
    this.#joined++
  }

  loaded(key: string, ms: number, background: boolean): void {
    this.#loads++
    this.#loadMs += ms
    if (channels.load.hasSubscribers)
      channels.load.publish({ prefix: this.prefix, key, ms, background })
  }

  loadFailed(key: string, ms: number, background: boolean, error: unknown): void {
    this.#loads++
    this.#loadErrors++
    this.#loadMs += ms
    if (channels.load.hasSubscribers)
      channels.load.publish({ prefix: this.prefix, key, ms, background, error })
  }

  filled(key: string, stored: boolean): void {
    if (stored) this.#fills++
    else this.#refusedFills++
    if (channels.fill.hasSubscribers) channels.fill.publish({ prefix: this.prefix, key, stored })
  }

  count(what: Counted, by: number): void {
    if (what === 'writes') this.#writes += by
    else this.#invalidations += by
  }

  snapshot(): CacheStats {
    const hits = this.#nearHits + this.#redisHits
    return {
      hits,
      misses: this.#misses,
      hitRate: hitRateOf(hits, this.#misses),
      nearHits: this.#nearHits,
      redisHits: this.#redisHits,
      staleHits: this.#staleHits,
      joined: this.#joined,
      loads: this.#loads,
      loadErrors: this.#loadErrors,
      loadMs: this.#loadMs,
      averageLoadMs: this.#loads === 0 ? 0 : this.#loadMs / this.#loads,
      fills: this.#fills,
      refusedFills: this.#refusedFills,
      writes: this.#writes,
      invalidations: this.#invalidations,
    }
  }
}

import { channels } from '@cache/core'
import {
  createToken,
  emit,
  hitRateOf,
  type Entry,
  type Format,
  type NearChange,
  type NearEntries,
  type NearQuestion,
  type NearValue,
} from '@cache/core/internal'
import { LRUCache } from 'lru-cache'
import type { BusInternals, Invalidated, InvalidationBus } from '../bus.js'
import { MessageSender } from '../message-sender.js'
import { copierOf } from './copier.js'
import { deepFreeze } from './deep-freeze.js'
import { estimateMemory } from './estimate-memory.js'
import { NearEntry, type CacheableValue } from './near-entry.js'
import type { NearStats } from './near-stats.js'
import { PendingReads } from './pending-reads.js'
import { prefixMatcher } from './prefix-matcher.js'

export interface NearSettings {
  readonly bus: InvalidationBus
  readonly maxEntries: number
  readonly maxBytes: number
  /** Ms. */
  readonly ttl: number
  readonly clone: boolean
  readonly freeze: boolean
  readonly groups: ((key: string, value: any) => readonly string[]) | undefined
}

/**
 * A cache of decoded values in the process. It answers only while the last sign of life of the bus
 * is recent, and drops a value when a message invalidates it. A reply of Redis is cached only if,
 * since the request, its key was not invalidated and the bus had no gap.
 */
export class NearCache implements NearEntries {
  readonly #settings: NearSettings
  readonly #entries: LRUCache<string, NearEntry<unknown>>
  #bus: Pick<BusInternals, 'freshUntil' | 'covers'>
  readonly #pendingReads = new PendingReads()
  readonly #sender = new MessageSender()
  readonly #unsubscribe: readonly (() => void)[]
  readonly #counts = { hits: 0, misses: 0, invalidated: 0, refused: 0 }

  constructor(settings: NearSettings) {
    const { bus, maxEntries, maxBytes } = settings
    this.#settings = settings
    this.#entries = new LRUCache({ max: maxEntries, maxSize: maxBytes })
    this.#bus = bus.internals
    this.#unsubscribe = [
      bus.on('invalidate', (message) => this.#onInvalidate(message)),
      bus.on('gap', () => this.#pendingReads.invalidateAll()),
      bus.on('live', (missedNothing) => this.#onLive(missedNothing)),
    ]
  }

  get<T>(key: string, format: Format<T>): Entry<T> | undefined {
    const now = performance.now()
    const entry = now < this.#bus.freshUntil ? this.#entries.get(key) : undefined
    if (entry === undefined || entry.format !== format) {
      this.#counts.misses++
      return undefined
    }
    if (now >= entry.cachedUntil) {
      this.#entries.delete(key)
      this.#counts.misses++
      return undefined
    }
    this.#counts.hits++
    return entry.forReader() as Entry<T>
  }

  ask(key: string): NearQuestion {
    if (!this.#listens || !this.#bus.covers(key)) return NOT_CACHED
    const requestedAt = performance.now()
    const read = this.#pendingReads.begin(key)
    return {
      answered: (value) => {
        this.#pendingReads.end(key, read)
        if (!value) return
        if (read.invalidated) this.#counts.refused++
        else this.#store(key, value, requestedAt)
      },
    }
  }

  change(keys: readonly string[]): NearChange {
    const { announceTo } = this.#settings.bus.internals
    const sequence = this.#sender.nextSequence()
    const [key] = keys
    const startedAt = performance.now()
    this.#drop(keys)
    const read =
      key !== undefined && keys.length === 1 && this.#listens
        ? this.#pendingReads.begin(key)
        : undefined
    /** Returns whether the value that Redis has now may be cached. */
    const end = (): boolean => {
      if (read) this.#pendingReads.end(key!, read)
      const isCurrent = read?.invalidated === false
      this.#drop(keys) // a read that began meanwhile may have been answered before the change
      return isCurrent
    }
    return {
      announcement: announceTo && {
        ...announceTo,
        from: this.#sender.id,
        nth: sequence,
        id: createToken(),
      },
      acknowledged: (value) => {
        const isCurrent = end()
        if (isCurrent && value && this.#bus.covers(key!)) this.#store(key!, value, startedAt)
      },
      failed: () => {
        this.#sender.markUncertain(sequence)
        end()
      },
    }
  }

  stats(): NearStats {
    const { hits, misses } = this.#counts
    return {
      ...this.#counts,
      hitRate: hitRateOf(hits, misses),
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize,
      answering: performance.now() < this.#bus.freshUntil,
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#pendingReads.invalidateAll()
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#bus = CLOSED
    this.clear()
  }

  /**
   * Whether the bus has no gap. Values may be cached even if its last sign of life is old: they are
   * used after the next one.
   */
  get #listens(): boolean {
    return this.#bus.freshUntil !== -Infinity
  }

  /**
   * Caches a value.
   *
   * @param since When Redis was asked. The remaining lifetime of the value began later.
   */
  #store(key: string, value: NearValue, since: number): void {
    if (!this.#listens || value.life <= 0) return
    try {
      const { maxBytes, ttl } = this.#settings
      const memory = estimateMemory(value.entry.value, maxBytes)
      const size = key.length + Math.max(1, value.bytes, memory)
      if (size > maxBytes) {
        this.#entries.delete(key)
        return
      }
      this.#entries.set(key, new NearEntry(this.#cacheable(value), since, ttl), {
        size: Math.ceil(size),
      })
    } catch (error) {
      // The value can't be cloned, or not be traversed.
      emit(channels.error, () => ({ operation: 'keep near', key, error }))
    }
  }

  /** Freezes or copies a value, so that no reader sees the changes of another one. */
  #cacheable(value: NearValue): CacheableValue {
    const { clone, freeze } = this.#settings
    if (!clone && (!freeze || deepFreeze(value.entry.value))) return { ...value, copy: undefined }
    const copy = copierOf(value.entry.value)
    return { ...value, copy, entry: { ...value.entry, value: copy(value.entry.value) } }
  }

  #onInvalidate(message: Invalidated): void {
    if (this.#sender.isOwn(message)) return
    const { keys, prefixes, groups } = message
    this.#drop(keys)
    if (prefixes.length > 0) this.#dropPrefixes(new Set(prefixes))
    if (groups.length > 0) this.#dropGroups(new Set(groups))
  }

  #onLive(missedNothing: boolean): void {
    if (!missedNothing) this.#entries.clear()
    this.#pendingReads.invalidateAll()
  }

  #drop(keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#entries.delete(key)) this.#counts.invalidated++
      this.#pendingReads.invalidate(key)
    }
  }

  #dropAll(): void {
    this.#counts.invalidated += this.#entries.size
    this.clear()
  }

  #dropPrefixes(prefixes: ReadonlySet<string>): void {
    if (prefixes.size > MAX_PREFIXES || prefixes.has('')) return this.#dropAll()
    const matches = prefixMatcher(prefixes)
    this.#drop([...this.#entries.keys()].filter(matches))
    this.#pendingReads.invalidateAll(matches)
  }

  /** The groups of values that are being read are not known, so none of these values is cached. */
  #dropGroups(groups: ReadonlySet<string>): void {
    const { groups: groupsOf } = this.#settings
    if (!groupsOf) return this.#dropAll()
    const isInGroup = (key: string, entry: NearEntry<unknown>): boolean => {
      if (entry.absent) return true
      try {
        return entry.groups((value) => groupsOf(key, value)).some((group) => groups.has(group))
      } catch (error) {
        emit(channels.error, () => ({ operation: 'groups', key, error }))
        return true
      }
    }
    const matching = [...this.#entries.entries()].filter(([key, entry]) => isInGroup(key, entry))
    this.#drop(matching.map(([key]) => key))
    this.#pendingReads.invalidateAll()
  }
}

/** A message with more prefixes empties the near cache, because matching would take too long. */
const MAX_PREFIXES = 1_000
const CLOSED = { freshUntil: -Infinity, covers: () => false }
const NOT_CACHED: NearQuestion = { answered: () => undefined }

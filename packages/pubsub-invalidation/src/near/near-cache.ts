import { channels } from '@cache/core'
import {
  createToken,
  emit,
  type Format,
  type NearChange,
  type NearEntries,
  type NearQuestion,
  type NearValue,
} from '@cache/core/internal'
import { LRUCache } from 'lru-cache'
import type { BusWiring, Invalidated, InvalidationBus } from '../bus.js'
import { OwnMessages } from '../own-messages.js'
import { copierOf } from './copier.js'
import { deepFreeze } from './deep-freeze.js'
import { KeptEntry, type Shareable } from './kept-entry.js'
import { memoryOf } from './memory-of.js'
import { prefixMatcher } from './prefix-matcher.js'
import { Questions } from './questions.js'

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
 * Decoded values, as long as they are known to be right: while the bus has shown lately that it
 * listens, until a message says otherwise. What Redis answers is kept only if the key was not
 * invalidated, and the bus had no gap, since Redis was asked.
 */
export class NearCache implements NearEntries {
  readonly #settings: NearSettings
  readonly #kept: LRUCache<string, KeptEntry<unknown>>
  #wiring: Pick<BusWiring, 'freshUntil' | 'covers'>
  readonly #questions = new Questions()
  readonly #own = new OwnMessages()
  readonly #detach: readonly (() => void)[]
  readonly #counts = { hits: 0, misses: 0, invalidated: 0, refused: 0 }

  constructor(settings: NearSettings) {
    const { bus, maxEntries, maxBytes } = settings
    this.#settings = settings
    this.#kept = new LRUCache({ max: maxEntries, maxSize: maxBytes })
    this.#wiring = bus.wiring
    this.#detach = [
      bus.on('invalidate', (message) => this.#hear(message)),
      bus.on('gap', () => this.#questions.outdateAll()),
      bus.on('live', (missedNothing) => this.#resume(missedNothing)),
    ]
  }

  get<T>(key: string, format: Format<T>): KeptEntry<T> | undefined {
    const now = performance.now()
    const kept = now < this.#wiring.freshUntil ? this.#kept.get(key) : undefined
    if (kept === undefined || kept.format !== format) {
      this.#counts.misses++
      return undefined
    }
    if (now >= kept.until) {
      this.#kept.delete(key)
      this.#counts.misses++
      return undefined
    }
    this.#counts.hits++
    return kept.forReader() as KeptEntry<T>
  }

  ask(key: string): NearQuestion {
    if (!this.#listens || !this.#wiring.covers(key)) return UNKEPT
    const asked = performance.now()
    const question = this.#questions.ask(key)
    return {
      answered: (value) => {
        this.#questions.answer(key, question)
        if (!value) return
        if (question.outdated) this.#counts.refused++
        else this.#keep(key, value, asked)
      },
    }
  }

  change(keys: readonly string[]): NearChange {
    const { announcing } = this.#settings.bus.wiring
    const nth = this.#own.next()
    const [key] = keys
    const began = performance.now()
    this.#forget(keys)
    const alone =
      key !== undefined && keys.length === 1 && this.#listens ? this.#questions.ask(key) : undefined
    const end = (): boolean => {
      if (alone) this.#questions.answer(key!, alone)
      const current = alone?.outdated === false
      this.#forget(keys) // what was asked meanwhile may have been answered before it was done
      return current
    }
    return {
      announcement: announcing && { ...announcing, from: this.#own.from, nth, id: createToken() },
      acknowledged: (value) => {
        const current = end()
        if (current && value && this.#wiring.covers(key!)) this.#keep(key!, value, began)
      },
      failed: () => {
        this.#own.doubt(nth)
        end()
      },
    }
  }

  stats() {
    return {
      ...this.#counts,
      entries: this.#kept.size,
      bytes: this.#kept.calculatedSize,
      answering: performance.now() < this.#wiring.freshUntil,
    }
  }

  clear(): void {
    this.#kept.clear()
    this.#questions.outdateAll()
  }

  close(): void {
    for (const detach of this.#detach) detach()
    this.#wiring = CLOSED
    this.clear()
  }

  /**
   * Not in a gap; what it was asked before the last sign of life is answered once there is another.
   */
  get #listens(): boolean {
    return this.#wiring.freshUntil !== -Infinity
  }

  /** `since`: when Redis was asked, as what is left of its life is counted from some time after. */
  #keep(key: string, value: NearValue, since: number): void {
    if (!this.#listens || value.life <= 0) return
    try {
      const { maxBytes, ttl } = this.#settings
      const size = key.length + Math.max(1, value.bytes, memoryOf(value.entry.value, maxBytes))
      if (size > maxBytes) return void this.#kept.delete(key)
      this.#kept.set(key, new KeptEntry(this.#shareable(value), since, ttl), {
        size: Math.ceil(size),
      })
    } catch (error) {
      // a value that can't be cloned, or can't be looked through
      emit(channels.error, () => ({ operation: 'keep near', key, error }))
    }
  }

  /** What readers may be given without one seeing what another does to it. */
  #shareable(value: NearValue): Shareable {
    const { clone, freeze } = this.#settings
    if (!clone && (!freeze || deepFreeze(value.entry.value))) return { ...value, copy: undefined }
    const copy = copierOf(value.entry.value)
    return { ...value, copy, entry: { ...value.entry, value: copy(value.entry.value) } }
  }

  #hear(message: Invalidated): void {
    if (this.#own.knows(message)) return
    const { keys, prefixes, groups } = message
    this.#forget(keys)
    if (prefixes.length > 0) this.#forgetPrefixes(new Set(prefixes))
    if (groups.length > 0) this.#forgetGroups(new Set(groups))
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#kept.delete(key)) this.#counts.invalidated++
      this.#questions.outdate(key)
    }
  }

  #forgetAll(): void {
    this.#counts.invalidated += this.#kept.size
    this.clear()
  }

  #forgetPrefixes(prefixes: ReadonlySet<string>): void {
    if (prefixes.size > MOST_PREFIXES || prefixes.has('')) return this.#forgetAll()
    const concerns = prefixMatcher(prefixes)
    this.#forget([...this.#kept.keys()].filter(concerns))
    this.#questions.outdateAll(concerns)
  }

  /** Whose answers are under way can't be told, so they are not kept. */
  #forgetGroups(groups: ReadonlySet<string>): void {
    const { groups: groupsOf } = this.#settings
    if (!groupsOf) return this.#forgetAll()
    const concerns = (key: string, entry: KeptEntry<unknown>): boolean => {
      if (entry.absent) return true
      try {
        entry.groups ??= groupsOf(key, entry.value)
        return entry.groups.some((group) => groups.has(group))
      } catch (error) {
        emit(channels.error, () => ({ operation: 'groups', key, error }))
        return true
      }
    }
    const concerned = [...this.#kept.entries()].filter(([key, entry]) => concerns(key, entry))
    this.#forget(concerned.map(([key]) => key))
    this.#questions.outdateAll()
  }

  #resume(missedNothing: boolean): void {
    if (!missedNothing) this.#kept.clear()
    this.#questions.outdateAll()
  }
}

/** More prefixes in one message empty the near cache: to look for each would take too long. */
const MOST_PREFIXES = 1_000
const CLOSED = { freshUntil: -Infinity, covers: () => false }
const UNKEPT: NearQuestion = { answered: () => undefined }

import { channels, tell, type Entry, type Format, type NearChange, type NearEntries, type NearQuestion, type NearValue } from '@cache/core'
import { LRUCache } from 'lru-cache'
import type { Invalidated, InvalidationBus } from '../bus.js'
import { OwnMessages } from '../own-messages.js'
import { deepFreeze } from './deep-freeze.js'
import { KeptEntry } from './kept-entry.js'
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

type Store = LRUCache<string, KeptEntry<unknown>>

/**
 * Decoded values, as long as they are known to be right: while the bus listens, until a message says otherwise. What Redis answers is kept
 * only if the key was not invalidated, and the bus had no gap, since Redis was asked.
 */
export class NearCache implements NearEntries {
  readonly get: NearEntries['get']
  readonly #settings: NearSettings
  readonly #kept: Store
  /** What is answered from: an empty one while messages may be missed. */
  #answering: Store
  readonly #questions = new Questions()
  readonly #own = new OwnMessages()
  readonly #detach: readonly (() => void)[]
  readonly #counts = { hits: 0, misses: 0, invalidated: 0, refused: 0 }

  constructor(settings: NearSettings) {
    const { bus, maxEntries, maxBytes, ttl, clone } = settings
    this.#settings = settings
    this.#kept = new LRUCache({ max: maxEntries, maxSize: maxBytes, ttl })
    this.#answering = bus.live ? this.#kept : NOTHING
    this.get = clone ? (key, format) => this.#get(key, format)?.copy() : (key, format) => this.#get(key, format)
    this.#detach = [bus.on('invalidate', (message) => this.#hear(message)), bus.on('gap', () => this.#pause()), bus.on('live', (missedNothing) => this.#resume(missedNothing))]
  }

  ask(key: string): NearQuestion {
    if (this.#answering === NOTHING || !this.#settings.bus.wiring.covers(key)) return UNKEPT
    const question = this.#questions.ask(key)
    return {
      answered: (value) => {
        this.#questions.answer(key, question)
        if (!value) return
        if (question.outdated) this.#counts.refused++
        else this.#keep(key, value)
      },
    }
  }

  change(keys: readonly string[]): NearChange {
    const { announcing } = this.#settings.bus.wiring
    const nth = this.#own.next()
    const [key] = keys
    this.#forget(keys)
    const alone = key !== undefined && keys.length === 1 && this.#answering !== NOTHING ? this.#questions.ask(key) : undefined
    const end = (): boolean => {
      if (alone) this.#questions.answer(key!, alone)
      const current = alone?.outdated === false
      this.#forget(keys) // what was asked meanwhile may have been answered before it was done
      return current
    }
    return {
      announcement: announcing && { ...announcing, from: this.#own.from, nth },
      acknowledged: (value) => {
        const current = end()
        if (current && value && this.#settings.bus.wiring.covers(key!)) this.#keep(key!, value)
      },
      failed: () => {
        this.#own.doubt(nth)
        end()
      },
    }
  }

  stats() {
    return { ...this.#counts, entries: this.#kept.size, bytes: this.#kept.calculatedSize, answering: this.#answering !== NOTHING }
  }

  clear(): void {
    this.#kept.clear()
    this.#questions.outdateAll()
  }

  close(): void {
    for (const detach of this.#detach) detach()
    this.#answering = NOTHING
    this.clear()
  }

  #get<T>(key: string, format: Format<T>): KeptEntry<T> | undefined {
    const kept = this.#answering.get(key)
    if (kept === undefined || kept.format !== format) {
      this.#counts.misses++
      return undefined
    }
    this.#counts.hits++
    return kept as KeptEntry<T>
  }

  #keep(key: string, { entry, format, life, bytes }: NearValue): void {
    const { ttl, clone, freeze } = this.#settings
    if (this.#answering === NOTHING || life <= 0) return
    let own: Entry<unknown> = entry
    try {
      if (clone) own = { ...entry, value: structuredClone(entry.value) }
      else if (freeze) deepFreeze(entry.value)
    } catch (error) { // a value that can't be cloned, or can't be looked through
      return tell(channels.error, () => ({ operation: 'keep near', key, error }))
    }
    this.#kept.set(key, new KeptEntry(own, format, life), { ttl: Math.min(ttl, life), size: key.length + Math.max(1, bytes) })
  }

  #hear(message: Invalidated): void {
    if (this.#own.knows(message)) return
    const { keys, prefixes, groups } = message
    this.#forget(keys)
    if (prefixes.length > 0) this.#forgetThose((key) => prefixes.some((prefix) => key.startsWith(prefix)))
    if (groups.length > 0) this.#forgetGroups(groups)
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#kept.delete(key)) this.#counts.invalidated++
      this.#questions.outdate(key)
    }
  }

  #forgetThose(concerns: (key: string) => boolean): void {
    this.#forget([...this.#kept.keys()].filter(concerns))
    this.#questions.outdateAll(concerns)
  }

  /** Whose answers are under way can't be told, so they are not kept. */
  #forgetGroups(groups: readonly string[]): void {
    const { groups: groupsOf } = this.#settings
    if (!groupsOf) return this.clear()
    const concerns = (key: string, { value, absent }: KeptEntry<unknown>): boolean => {
      if (absent) return true
      try {
        return groupsOf(key, value).some((group) => groups.includes(group))
      } catch (error) {
        tell(channels.error, () => ({ operation: 'groups', key, error }))
        return true
      }
    }
    const concerned = [...this.#kept.entries()].filter(([key, entry]) => concerns(key, entry))
    this.#forget(concerned.map(([key]) => key))
    this.#questions.outdateAll()
  }

  #pause(): void {
    this.#answering = NOTHING
    this.#questions.outdateAll()
  }

  #resume(missedNothing: boolean): void {
    if (!missedNothing) this.#kept.clear()
    this.#questions.outdateAll()
    this.#answering = this.#kept
  }
}

const NOTHING: Store = new LRUCache({ max: 1 })
const UNKEPT: NearQuestion = { answered: () => undefined }

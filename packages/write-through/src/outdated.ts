import { channels } from '@cache/core'
import { emit, type EntryStore } from '@cache/core/internal'

/**
 * The entries whose rows were written while Redis took no note of it. They are dropped as soon as
 * it is back: it is asked again after 100 ms, and after twice as long each time, up to 1 s.
 */
export class Outdated {
  readonly #entries: EntryStore
  /** By key, which of all writes was its last. */
  readonly #writes = new Map<string, number>()
  #written = 0
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #pause = FIRST_PAUSE

  constructor(entries: EntryStore) {
    this.#entries = entries
  }

  add(key: string): void {
    if (!this.#writes.has(key)) this.#bytes += bytesOf(key)
    this.#writes.set(key, ++this.#written)
    this.#wait()
  }

  /**
   * Whether no more should be written without Redis: what is remembered of it takes too much
   * memory.
   */
  get isFull(): boolean {
    return this.#bytes >= MOST_BYTES
  }

  /** Whether the entry may still be there. */
  has(key: string): boolean {
    return this.#writes.has(key)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#dropAll()
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#writes.size === 0) return
    this.#timer = setTimeout(() => void this.#again(), this.#pause)
    this.#timer.unref()
  }

  async #again(): Promise<void> {
    await this.#dropAll()
    this.#pause = this.#writes.size === 0 ? FIRST_PAUSE : Math.min(2 * this.#pause, LAST_PAUSE)
    this.#timer = undefined
    this.#wait()
  }

  #forget(key: string): void {
    if (this.#writes.delete(key)) this.#bytes -= bytesOf(key)
  }

  /** A part at a time, until one fails: what is dropped stays dropped. */
  async #dropAll(): Promise<void> {
    const all = [...this.#writes]
    const most = Math.min(this.#entries.atOnce, MOST_AT_ONCE)
    for (let i = 0; i < all.length; i += most) {
      const part = all.slice(i, i + most)
      try {
        await this.#entries.invalidate(part.map(([key]) => key))
      } catch (error) {
        return emit(channels.error, () => ({ operation: 'drop outdated', key: part[0]![0], error }))
      }
      // One that was written again meanwhile is not the one that was dropped.
      for (const [key, write] of part) if (this.#writes.get(key) === write) this.#forget(key)
    }
  }
}

function bytesOf(key: string): number {
  return key.length + ENTRY
}

/** What an entry takes beside its key. */
const ENTRY = 64
const MOST_BYTES = 32 * 1024 * 1024
const FIRST_PAUSE = 100
const LAST_PAUSE = 1_000
const MOST_AT_ONCE = 1_000

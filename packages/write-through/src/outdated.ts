import { channels, tell, type EntryStore } from '@cache/core'

/**
 * The entries whose rows were written while Redis took no note of it. They are dropped as soon as it is back: it is asked again after
 * 100 ms, and after twice as long each time, up to 5 s.
 */
export class Outdated {
  readonly #entries: EntryStore
  readonly #keys = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #pause = FIRST_PAUSE

  constructor(entries: EntryStore) {
    this.#entries = entries
  }

  add(key: string): void {
    this.#keys.add(key)
    this.#wait()
  }

  /** Whether the entry may still be there; first it is tried to drop it. */
  async has(key: string): Promise<boolean> {
    if (this.#keys.size === 0 || !this.#keys.has(key)) return false
    await this.#drop([key])
    return this.#keys.has(key)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#keys.size > 0) await this.#drop([...this.#keys])
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#keys.size === 0) return
    this.#timer = setTimeout(() => void this.#again(), this.#pause)
    this.#timer.unref()
  }

  async #again(): Promise<void> {
    await this.#drop([...this.#keys])
    this.#pause = this.#keys.size === 0 ? FIRST_PAUSE : Math.min(2 * this.#pause, LAST_PAUSE)
    this.#timer = undefined
    this.#wait()
  }

  async #drop(keys: readonly string[]): Promise<void> {
    try {
      await this.#entries.invalidate(keys)
      for (const key of keys) this.#keys.delete(key)
    } catch (error) {
      tell(channels.error, () => ({ operation: 'drop outdated', key: keys[0]!, error }))
    }
  }
}

const FIRST_PAUSE = 100
const LAST_PAUSE = 5_000

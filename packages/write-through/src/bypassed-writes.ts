import { channels } from '@cache/core'
import { Backoff, emit, type EntryStore } from '@cache/core/internal'

/**
 * The keys of rows that were written without Redis (`onOutage: 'bypass'`), and whose old entries
 * may still be there. It drops these entries as soon as Redis is back: it tries after 100 ms, and
 * after twice as long each time, up to 1 s.
 */
export class BypassedWrites {
  readonly #entries: EntryStore
  /** The sequence number of the last write of each key. */
  readonly #lastWrites = new Map<string, number>()
  #sequence = 0
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  readonly #backoff = new Backoff({ first: 100, max: 1_000 })

  constructor(entries: EntryStore) {
    this.#entries = entries
  }

  add(key: string): void {
    if (!this.#lastWrites.has(key)) this.#bytes += bytesOf(key)
    this.#lastWrites.set(key, ++this.#sequence)
    this.#schedule()
  }

  /** Whether the keys take so much memory that no more writes may bypass Redis. */
  get isFull(): boolean {
    return this.#bytes >= MAX_BYTES
  }

  /** Returns whether an old entry may still be at this key. */
  has(key: string): boolean {
    return this.#lastWrites.has(key)
  }

  /** Stops trying, after one last attempt. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#dropEntries()
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#lastWrites.size === 0) return
    this.#timer = setTimeout(() => void this.#retry(), this.#backoff.next())
    this.#timer.unref()
  }

  async #retry(): Promise<void> {
    await this.#dropEntries()
    if (this.#lastWrites.size === 0) this.#backoff.reset()
    this.#timer = undefined
    this.#schedule()
  }

  #remove(key: string): void {
    if (this.#lastWrites.delete(key)) this.#bytes -= bytesOf(key)
  }

  /** Drops the entries batch by batch, until a batch fails. Dropped entries stay dropped. */
  async #dropEntries(): Promise<void> {
    const writes = [...this.#lastWrites]
    const batchSize = Math.min(this.#entries.atOnce, MAX_BATCH)
    for (let i = 0; i < writes.length; i += batchSize) {
      const batch = writes.slice(i, i + batchSize)
      try {
        await this.#entries.invalidate(batch.map(([key]) => key))
      } catch (error) {
        return emit(channels.error, () => ({
          operation: 'drop bypassed',
          key: batch[0]![0],
          error,
        }))
      }
      // A key that was written again in the meantime may have an old entry again.
      for (const [key, write] of batch) if (this.#lastWrites.get(key) === write) this.#remove(key)
    }
  }
}

function bytesOf(key: string): number {
  return key.length + ENTRY_OVERHEAD
}

/** Bytes that a map entry takes in addition to its key. */
const ENTRY_OVERHEAD = 64
const MAX_BYTES = 32 * 1024 * 1024
const MAX_BATCH = 1_000

import { CacheError } from '@cache/core'
import { SwapList } from '@cache/core/internal'

/**
 * The end of all waits of a keeper. An AbortSignal would look through all who wait for each that
 * stops waiting.
 */
export class Closing {
  readonly #waits = new SwapList<() => void>()
  #reason: CacheError | undefined

  /** Why nobody waits any more, once that is so. */
  get reason(): CacheError | undefined {
    return this.#reason
  }

  throwIfClosed(): void {
    if (this.#reason) throw this.#reason
  }

  /** Calls `end` when it closes, until what it returns is called. */
  onClose(end: () => void): () => void {
    const seat = this.#waits.add(end)
    return () => void this.#waits.delete(seat)
  }

  close(): void {
    this.#reason = new CacheError('The locks were closed.', { code: 'CLOSED' })
    for (const end of this.#waits) end()
  }
}

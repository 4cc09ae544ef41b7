import { CacheError } from '@cache/core'
import { SwapList } from '@cache/core/internal'

/**
 * Ends all waits of a lock manager at once.
 *
 * An AbortSignal would search all of its listeners each time one of them is removed.
 */
export class Closing {
  readonly #listeners = new SwapList<() => void>()
  #reason: CacheError | undefined

  /** The error that ends all waits. `undefined` until `close` is called. */
  get reason(): CacheError | undefined {
    return this.#reason
  }

  throwIfClosed(): void {
    if (this.#reason) throw this.#reason
  }

  /** Calls `listener` on `close`. Returns a function that removes the listener. */
  onClose(listener: () => void): () => void {
    const handle = this.#listeners.add(listener)
    return () => void this.#listeners.delete(handle)
  }

  close(): void {
    this.#reason = new CacheError(
      'close() was called. Acquire locks before that, or create a new instance.',
      { code: 'CLOSED' },
    )
    for (const listener of this.#listeners) listener()
  }
}

/**
 * An abort signal that is only created when it is used. Most loaders never use it, and an
 * AbortController costs as much as the rest of a cache hit.
 */
export class LazySignal {
  #controller: AbortController | undefined
  #listeners: ((reason: unknown) => void)[] | undefined
  #aborted = false
  #reason: unknown

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Calls `listener` once when it aborts, or immediately if it has already aborted. */
  onAbort(listener: (reason: unknown) => void): void {
    if (this.#aborted) listener(this.#reason)
    else (this.#listeners ??= []).push(listener)
  }

  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.#controller?.abort(reason)
    for (const listener of this.#listeners ?? []) listener(reason)
    this.#listeners = undefined
  }
}

/**
 * An abort signal that is only created when it is used. Most loaders never use it, and an
 * AbortController costs as much as the rest of a cache hit.
 */
export class LazySignal {
  #controller: AbortController | undefined
  /** Most signals have one listener or two. */
  #listener: ((reason: unknown) => void) | undefined
  #moreListeners: ((reason: unknown) => void)[] | undefined
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
    else if (this.#listener === undefined) this.#listener = listener
    else (this.#moreListeners ??= []).push(listener)
  }

  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.#controller?.abort(reason)
    this.#listener?.(reason)
    for (const listener of this.#moreListeners ?? []) listener(reason)
    this.#listener = this.#moreListeners = undefined
  }
}

import { onAbort } from '@cache/core/internal'

/**
 * Limits the number of writes that the partitions of a worker have given to `flush` and not yet
 * removed from their queues. So many are flushed again if the worker dies. The partitions take
 * turns in the order in which they ask.
 */
export class UnconfirmedWrites {
  readonly max: number
  #free: number
  readonly #waiting: Waiting[] = []

  constructor(max: number) {
    this.max = max
    this.#free = max
  }

  /**
   * Waits until there is room for `count` more writes, which must not be more than `max`. Resolves
   * to `false` if the signal aborts first.
   */
  add(count: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const stopListening = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        resolve(false)
        this.#admit()
      })
      const waiting: Waiting = {
        count,
        admit() {
          stopListening()
          resolve(true)
        },
      }
      this.#waiting.push(waiting)
      this.#admit()
    })
  }

  /** Ends writes that `add` has admitted. */
  remove(count: number): void {
    this.#free += count
    this.#admit()
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && next.count <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.count
      next.admit()
    }
  }
}

interface Waiting {
  readonly count: number
  admit(): void
}

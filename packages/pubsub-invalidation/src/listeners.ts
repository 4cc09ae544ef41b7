import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { BusEvents } from './bus.js'

/** Who is told what. A listener that throws keeps the others from nothing. */
export class Listeners {
  readonly #of: { readonly [E in keyof BusEvents]: Set<BusEvents[E]> } = {
    invalidate: new Set(),
    gap: new Set(),
    live: new Set(),
  }

  add<E extends keyof BusEvents>(event: E, listener: BusEvents[E]): () => void {
    const own = ((...args: never[]) =>
      (listener as (...args: never[]) => void)(...args)) as BusEvents[E]
    this.#of[event].add(own)
    return () => {
      this.#of[event].delete(own)
    }
  }

  tell<E extends keyof BusEvents>(event: E, ...args: Parameters<BusEvents[E]>): void {
    for (const listener of [...this.#of[event]]) {
      try {
        ;(listener as (...args: Parameters<BusEvents[E]>) => void)(...args)
      } catch (error) {
        emit(channels.error, () => ({ operation: `listener of "${event}"`, error }))
      }
    }
  }
}

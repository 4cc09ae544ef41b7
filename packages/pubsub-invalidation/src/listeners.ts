import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { BusEvents } from './bus.js'

/** The listeners of a bus. If one throws, the others are still called. */
export class Listeners {
  readonly #byEvent: { readonly [E in keyof BusEvents]: Set<BusEvents[E]> } = {
    invalidate: new Set(),
    gap: new Set(),
    live: new Set(),
  }

  /** Adds a listener. Returns a function that removes it. */
  add<E extends keyof BusEvents>(event: E, listener: BusEvents[E]): () => void {
    // A wrapper, so that a listener that was added twice can be removed once.
    const wrapper = ((...args: never[]) =>
      (listener as (...args: never[]) => void)(...args)) as BusEvents[E]
    this.#byEvent[event].add(wrapper)
    return () => {
      this.#byEvent[event].delete(wrapper)
    }
  }

  /** Calls all listeners of an event. Errors are published on `cache:error`. */
  notify<E extends keyof BusEvents>(event: E, ...args: Parameters<BusEvents[E]>): void {
    for (const listener of [...this.#byEvent[event]]) {
      try {
        ;(listener as (...args: Parameters<BusEvents[E]>) => void)(...args)
      } catch (error) {
        emit(channels.error, () => ({ operation: `listener of "${event}"`, error }))
      }
    }
  }
}

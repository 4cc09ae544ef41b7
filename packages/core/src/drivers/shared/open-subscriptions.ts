import { ConnectionError } from '../../errors.js'
import type { Subscription } from '../driver.js'

/**
 * The subscriptions of a driver, also those that are still being made: when it closes, they all
 * end.
 */
export class OpenSubscriptions {
  readonly #open = new Set<Subscription>()
  #closed = false

  /** `start` resolves once it listens. What it made ends with the signal. */
  async open(start: (signal: AbortSignal) => Promise<void>): Promise<Subscription> {
    if (this.#closed)
      throw new ConnectionError('Could not subscribe: the driver is closed.', {
        code: 'CLOSED',
        command: 'SUBSCRIBE',
      })
    const stop = new AbortController()
    const subscription: Subscription = {
      close: async () => {
        this.#open.delete(subscription)
        stop.abort(
          new ConnectionError('The subscription was closed.', {
            code: 'CLOSED',
            command: 'SUBSCRIBE',
          }),
        )
      },
    }
    this.#open.add(subscription)
    try {
      await start(stop.signal)
    } catch (error) {
      await subscription.close()
      throw error
    }
    return subscription
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#open].map((subscription) => subscription.close()))
  }
}

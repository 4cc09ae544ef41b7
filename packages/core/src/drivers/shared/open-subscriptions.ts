import { ConnectionError } from '../../errors.js'
import type { Subscription } from '../driver.js'

/**
 * The subscriptions of a driver, including those that are still being opened. All of them end when
 * the driver is closed.
 */
export class OpenSubscriptions {
  readonly #open = new Set<Subscription>()
  #closed = false

  /**
   * Opens a subscription. `start` resolves once the subscription is confirmed, and must end it when
   * the signal aborts.
   */
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

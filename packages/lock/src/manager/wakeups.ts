import { channels, type CacheClient, type Subscription } from '@cache/core'
import { createToken, emit } from '@cache/core/internal'
import { POLL_INTERVAL } from '../backends/timing.js'

/**
 * Wakes waiters when they can acquire a lock.
 *
 * One connection per client subscribes to one channel. A script that hands a lock or a permit over
 * publishes the token of the waiter and the fence there. All waiters also poll slowly, which makes
 * up for messages that were lost, and shows Redis that they are alive.
 *
 * The channel belongs to the client, not to a lock. In a Cluster any node accepts the subscription,
 * so one connection is enough for the locks of all slots.
 */
export class Wakeups {
  readonly #client: CacheClient
  readonly #channelId = createToken()
  readonly #waiters = new Map<string, Wake>()
  #tokenCount = 0
  #subscription: Promise<Subscription | undefined> | undefined
  #pollTimer: NodeJS.Timeout | undefined

  constructor(client: CacheClient) {
    this.#client = client
  }

  /** The prefix of the channels of all processes. */
  get channelPrefix(): string {
    return `${this.#client.namespace === '' ? '' : `${this.#client.namespace}:`}lock-turn:`
  }

  /** Returns a new token. It begins with the id of the channel by which its waiter is woken. */
  newToken(): string {
    return `${this.#channelId}/${(++this.#tokenCount).toString(36)}`
  }

  /**
   * Calls `wake` on each poll, and with the fence when a lock was handed over to the token. Returns
   * a function that stops it.
   */
  listen(token: string, wake: Wake): () => void {
    this.#waiters.set(token, wake)
    waiters.set(token, wake)
    this.#subscribe()
    this.#pollTimer ??= setInterval(() => this.#wakeAll(), POLL_INTERVAL)
    return () => {
      this.#waiters.delete(token)
      waiters.delete(token)
      if (this.#waiters.size > 0) return
      clearInterval(this.#pollTimer)
      this.#pollTimer = undefined
    }
  }

  async close(): Promise<void> {
    const subscription = this.#subscription
    this.#subscription = undefined
    await (await subscription)?.close()
  }

  #subscribe(): void {
    this.#subscription ??= this.#client.driver
      .subscribe([this.channelPrefix + this.#channelId], {
        message: (_, message) => deliver(message),
        gap: () => undefined,
        live: () => this.#wakeAll(),
      })
      .then((subscription) => {
        this.#wakeAll() // messages may have been published before the subscription existed
        return subscription
      })
      .catch((error: unknown) => {
        emit(channels.error, () => ({ operation: 'lock subscribe', error }))
        this.#subscription = undefined
        return undefined
      })
  }

  /** Wakes all waiters in one tick, so that their requests are sent together. */
  #wakeAll(): void {
    if (this.#waiters.size > 0) this.#subscribe()
    for (const wake of [...this.#waiters.values()]) wake()
  }
}

type Wake = (fence?: number) => void

/** The waiters of this process, by token. */
const waiters = new Map<string, Wake>()

/**
 * Wakes the waiter that a message `token fence` is for, if it is in this process. A release knows
 * the messages that its script published, so waiters in the same process need not wait for them.
 */
export function deliver(message: string): void {
  const [token, fence] = message.split(' ', 2) as [string, string?]
  waiters.get(token)?.(Number(fence) || undefined)
}

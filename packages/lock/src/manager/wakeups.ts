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
  /** The last messages that nobody listened to, by token. */
  readonly #unheard = new Map<string, string>()
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
   * Calls `wake` on each poll, and with the fence when a lock was handed over to the token, even if
   * the message came before this call: it may overtake the reply that tells the waiter to wait,
   * which comes by another connection. Returns a function that stops it.
   */
  listen(token: string, wake: Wake): () => void {
    this.#waiters.set(token, wake)
    waiters.set(token, wake)
    const unheard = this.#unheard.get(token)
    if (unheard !== undefined) this.#receive(unheard)
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
        message: (_, message) => this.#receive(message),
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

  #receive(message: string): void {
    const token = tokenOf(message)
    this.#unheard.delete(token)
    if (deliver(message)) return
    this.#unheard.set(token, message)
    if (this.#unheard.size > MAX_UNHEARD) this.#unheard.delete(this.#unheard.keys().next().value!)
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
 * Returns whether the waiter was there.
 */
export function deliver(message: string): boolean {
  const token = tokenOf(message)
  const wake = waiters.get(token)
  wake?.(Number(message.slice(token.length + 1)) || undefined)
  return wake !== undefined
}

function tokenOf(message: string): string {
  return message.split(' ', 1)[0]!
}

/** The waiter of a message need not be there: it may have got the lock in another way. */
const MAX_UNHEARD = 1_000

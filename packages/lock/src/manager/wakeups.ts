import { channels, type CacheClient, type Subscription } from '@cache/core'
import { createToken, emit } from '@cache/core/internal'
import { POLL } from '../backends/backend.js'

/**
 * The turn of waiting tokens: one connection per client hears when a lock was released to one of
 * them; a slow poll of all that wait makes up for what was not heard, and shows that they are
 * alive.
 *
 * The channel is that of the client, not of the lock: in a Cluster any node takes the subscription,
 * and the one connection is enough for locks of all slots.
 */
export class Wakeups {
  readonly #client: CacheClient
  readonly #inbox = createToken()
  readonly #waiting = new Map<string, () => void>()
  #count = 0
  #subscription: Promise<Subscription | undefined> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(client: CacheClient) {
    this.#client = client
  }

  /** What the channels of all processes begin with. */
  get channel(): string {
    return `${this.#client.namespace === '' ? '' : `${this.#client.namespace}:`}lock-turn:`
  }

  /** Its beginning names the channel to wake it by. */
  newToken(kind = ''): string {
    return `${kind}${this.#inbox}/${(++this.#count).toString(36)}`
  }

  listen(token: string, wake: () => void): () => void {
    this.#waiting.set(token, wake)
    this.#subscribe()
    this.#timer ??= setInterval(() => this.#wakeAll(), POLL)
    return () => {
      this.#waiting.delete(token)
      if (this.#waiting.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  async close(): Promise<void> {
    const subscription = this.#subscription
    this.#subscription = undefined
    await (await subscription)?.close()
  }

  #subscribe(): void {
    this.#subscription ??= this.#client.driver
      .subscribe([this.channel + this.#inbox], {
        message: (_, token) => this.#waiting.get(token)?.(),
        gap: () => undefined,
        live: () => this.#wakeAll(),
      })
      .then((subscription) => {
        this.#wakeAll() // whose turn came before we listened
        return subscription
      })
      .catch((error: unknown) => {
        emit(channels.error, () => ({ operation: 'lock subscribe', error }))
        this.#subscription = undefined
        return undefined
      })
  }

  /** In one tick, so that their questions leave together. */
  #wakeAll(): void {
    if (this.#waiting.size > 0) this.#subscribe()
    for (const wake of [...this.#waiting.values()]) wake()
  }
}

import {
  ConnectionError,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvents,
} from '@cache/core'
import { Backoff, sleepUnlessAborted } from '@cache/core/internal'
import type { Shard } from './shard.js'

/**
 * A subscription on every shard that acts as one, because a script publishes on the shard of its
 * keys. It reports a gap while any shard is missing; messages from the other shards still arrive.
 */
export class ShardedSubscription implements Subscription {
  readonly #channels: readonly string[]
  readonly #events: SubscriptionEvents
  readonly #options: SubscribeOptions
  readonly #subscriptions = new Map<Shard, ShardState>()
  readonly #stop = new AbortController()
  /** `undefined` until every shard was live once. */
  #live: boolean | undefined
  readonly #onClose: () => void

  constructor(
    channels: readonly string[],
    events: SubscriptionEvents,
    options: SubscribeOptions,
    onClose: () => void,
  ) {
    this.#channels = channels
    this.#events = events
    this.#options = options
    this.#onClose = onClose
  }

  /** Resolves when it listens on all shards. If it can't, it is closed and this rejects. */
  async open(shards: readonly Shard[]): Promise<void> {
    const results = await Promise.allSettled(
      shards.map((shard) => this.#subscribe(shard, this.#register(shard, 'required'))),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) await this.close()
    if (failed) throw failed.reason
    if (this.#stop.signal.aborted)
      throw new ConnectionError('The driver was closed.', { code: 'CLOSED' })
    this.#live = true
    this.#update()
  }

  /** Listens on added shards. They are not required yet: nothing is published there. */
  add(shards: readonly Shard[]): void {
    for (const shard of shards)
      if (!this.#subscriptions.has(shard)) void this.#keepTrying(shard, this.#register(shard))
  }

  /** Requires all shards from now on, because something may be published on each of them. */
  requireAll(): void {
    for (const state of this.#subscriptions.values()) state.required = true
    this.#update()
  }

  /** Stops listening on shards. */
  async remove(shards: readonly Shard[]): Promise<void> {
    await Promise.all(
      shards.map(async (shard) => {
        const state = this.#subscriptions.get(shard)
        this.#subscriptions.delete(shard)
        await state?.subscription?.close()
      }),
    )
    this.#update()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#onClose()
    await Promise.all(
      [...this.#subscriptions.values()].map(async ({ subscription }) => subscription?.close()),
    )
  }

  #register(shard: Shard, required?: 'required'): ShardState {
    const state: ShardState = {
      status: 'opening',
      required: required !== undefined,
      aliveSince: 0,
      subscription: undefined,
    }
    this.#subscriptions.set(shard, state)
    return state
  }

  async #subscribe(shard: Shard, state: ShardState): Promise<void> {
    const setStatus = (status: ShardState['status']) => (): void => {
      state.status = status
      this.#update()
    }
    const { invalidated, message } = this.#events
    const subscription = await shard.driver.subscribe(
      this.#channels,
      {
        message: message.bind(this.#events),
        ...(invalidated && { invalidated: invalidated.bind(this.#events) }),
        gap: setStatus('gap'),
        live: setStatus('live'),
        alive: (since) => {
          state.aliveSince = since
          this.#reportAlive()
        },
      },
      this.#options,
    )
    if (this.#stop.signal.aborted || this.#subscriptions.get(shard) !== state)
      return subscription.close()
    state.subscription = subscription
    if (state.status === 'opening') state.status = 'live'
    this.#update()
  }

  async #keepTrying(shard: Shard, state: ShardState): Promise<void> {
    const { signal } = this.#stop
    const backoff = new Backoff({ first: 20, max: 1_000 })
    while (!signal.aborted) {
      try {
        return await this.#subscribe(shard, state)
      } catch {
        await sleepUnlessAborted(backoff.next(), signal, { ref: false })
        if (this.#subscriptions.get(shard) !== state) return // the shard was removed again
      }
    }
  }

  /** Reports the time of the earliest beat among the last ones of all required shards. */
  #reportAlive(): void {
    const required = [...this.#subscriptions.values()].filter((state) => state.required)
    if (
      !this.#stop.signal.aborted &&
      required.length > 0 &&
      required.every(({ status }) => status === 'live')
    )
      this.#events.alive?.(Math.min(...required.map(({ aliveSince }) => aliveSince)))
  }

  /** Reports a gap or that it is live again, if that has changed. */
  #update(): void {
    if (this.#live === undefined || this.#stop.signal.aborted) return
    const live = [...this.#subscriptions.values()].every(
      ({ status, required }) => status === 'live' || !required,
    )
    if (live) this.#reportAlive()
    if (live === this.#live) return
    this.#live = live
    if (live) this.#events.live()
    else this.#events.gap()
  }
}

interface ShardState {
  status: 'opening' | 'live' | 'gap'
  /** Whether something may be published on the shard by now. */
  required: boolean
  /** When the last heartbeat that came back was sent. */
  aliveSince: number
  subscription: Subscription | undefined
}

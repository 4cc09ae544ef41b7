import { setTimeout as sleep } from 'node:timers/promises'
import {
  ConnectionError,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvents,
} from '@cache/core'
import type { Shard } from './shard.js'

interface Feed {
  state: 'opening' | 'live' | 'gap'
  /** Something may be published there by now. */
  counts: boolean
  /** When the last beat was sent that came back. */
  alive: number
  subscription: Subscription | undefined
}

/**
 * A subscription at each shard, as one: a script publishes where its keys are. There is a gap while
 * any of them is missing, and messages from the others go on coming.
 */
export class ShardedSubscription implements Subscription {
  readonly #channels: readonly string[]
  readonly #on: SubscriptionEvents
  readonly #options: SubscribeOptions
  readonly #feeds = new Map<Shard, Feed>()
  readonly #stop = new AbortController()
  /** `undefined` until it was live once. */
  #live: boolean | undefined
  readonly #onClose: () => void

  constructor(
    channels: readonly string[],
    on: SubscriptionEvents,
    options: SubscribeOptions,
    onClose: () => void,
  ) {
    this.#channels = channels
    this.#on = on
    this.#options = options
    this.#onClose = onClose
  }

  /** Resolves once it listens at all of them; rejects, and is closed, if it can't. */
  async open(shards: readonly Shard[]): Promise<void> {
    const opened = await Promise.allSettled(
      shards.map((shard) => this.#open(shard, this.#feedOf(shard, 'counts'))),
    )
    const failed = opened.find((one) => one.status === 'rejected')
    if (failed) await this.close()
    if (failed) throw failed.reason
    if (this.#stop.signal.aborted)
      throw new ConnectionError('The driver was closed.', { code: 'CLOSED' })
    this.#live = true
    this.#weigh()
  }

  /** Listens at more shards, at which nothing is published yet. */
  add(shards: readonly Shard[]): void {
    for (const shard of shards)
      if (!this.#feeds.has(shard)) void this.#keepOpening(shard, this.#feedOf(shard))
  }

  /** From now on something may be published at all of them. */
  count(): void {
    for (const feed of this.#feeds.values()) feed.counts = true
    this.#weigh()
  }

  async remove(shards: readonly Shard[]): Promise<void> {
    await Promise.all(
      shards.map(async (shard) => {
        const feed = this.#feeds.get(shard)
        this.#feeds.delete(shard)
        await feed?.subscription?.close()
      }),
    )
    this.#weigh()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#onClose()
    await Promise.all(
      [...this.#feeds.values()].map(async ({ subscription }) => subscription?.close()),
    )
  }

  #feedOf(shard: Shard, counts?: 'counts'): Feed {
    const feed: Feed = {
      state: 'opening',
      counts: counts !== undefined,
      alive: 0,
      subscription: undefined,
    }
    this.#feeds.set(shard, feed)
    return feed
  }

  async #open(shard: Shard, feed: Feed): Promise<void> {
    const become = (state: Feed['state']) => (): void => {
      feed.state = state
      this.#weigh()
    }
    const { invalidated, message } = this.#on
    const subscription = await shard.driver.subscribe(
      this.#channels,
      {
        message: message.bind(this.#on),
        ...(invalidated && { invalidated: invalidated.bind(this.#on) }),
        gap: become('gap'),
        live: become('live'),
        alive: (since) => {
          feed.alive = since
          this.#tellAlive()
        },
      },
      this.#options,
    )
    if (this.#stop.signal.aborted || this.#feeds.get(shard) !== feed) return subscription.close()
    feed.subscription = subscription
    if (feed.state === 'opening') feed.state = 'live'
    this.#weigh()
  }

  async #keepOpening(shard: Shard, feed: Feed): Promise<void> {
    const { signal } = this.#stop
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(2 * pause, LAST_PAUSE)) {
      try {
        return await this.#open(shard, feed)
      } catch {
        await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined)
        if (this.#feeds.get(shard) !== feed) return // the shard has gone again
      }
    }
  }

  /** Since the earliest of the beats that came back from each. */
  #tellAlive(): void {
    const counting = [...this.#feeds.values()].filter(({ counts }) => counts)
    if (
      !this.#stop.signal.aborted &&
      counting.length > 0 &&
      counting.every(({ state }) => state === 'live')
    )
      this.#on.alive?.(Math.min(...counting.map(({ alive }) => alive)))
  }

  #weigh(): void {
    if (this.#live === undefined || this.#stop.signal.aborted) return
    const live = [...this.#feeds.values()].every(({ state, counts }) => state === 'live' || !counts)
    if (live) this.#tellAlive()
    if (live === this.#live) return
    this.#live = live
    if (live) this.#on.live()
    else this.#on.gap()
  }
}

const FIRST_PAUSE = 20
const LAST_PAUSE = 1_000

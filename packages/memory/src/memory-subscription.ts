import type { SubscribeOptions, Subscription, SubscriptionEvents } from '@cache/core'
import { timerDelay, unref } from '@cache/core/internal'
import { fromBytes, toBytes } from './bytes.js'
import { inLaterTurn } from './later-turn.js'
import type { Listener, MemoryServer } from './server/server.js'

/** Receives messages and invalidations from a server. */
export class MemorySubscription implements Subscription, Listener {
  readonly channels: ReadonlySet<string>
  readonly prefixes: readonly string[] | undefined
  readonly invalidated: ((keys: readonly string[] | undefined) => void) | undefined
  readonly #server: MemoryServer
  readonly #events: SubscriptionEvents
  readonly #onClose: () => void
  readonly #beats: ReturnType<typeof setInterval> | undefined

  constructor(
    server: MemoryServer,
    channels: readonly string[],
    events: SubscriptionEvents,
    { heartbeat, tracking }: SubscribeOptions = {},
    onClose: () => void,
  ) {
    this.channels = new Set(channels.map(toBytes))
    this.prefixes = tracking?.prefixes.map(toBytes)
    this.invalidated =
      tracking && ((keys) => this.#deliver(() => events.invalidated?.(keys?.map(fromBytes))))
    this.#server = server
    this.#events = events
    this.#onClose = onClose
    server.listeners.add(this)
    if (heartbeat !== undefined) {
      events.alive?.(performance.now())
      this.#beats = unref(setInterval(() => this.#beat(), timerDelay(heartbeat)))
    }
  }

  message(channel: string, payload: string): void {
    this.#deliver(() => this.#events.message(fromBytes(channel), fromBytes(payload)))
  }

  killed(): void {
    this.#events.gap()
    this.#deliver(() => this.#events.live())
  }

  async close(): Promise<void> {
    clearInterval(this.#beats)
    this.#server.listeners.delete(this)
    this.#onClose()
  }

  /** In a later turn, as over a socket. */
  #deliver(what: () => void): void {
    inLaterTurn(() => {
      if (this.#server.listeners.has(this)) what()
    })
  }

  #beat(): void {
    if (this.#server.faults.silent || this.#server.faults.refused) this.#events.gap()
    else this.#events.alive?.(performance.now())
  }
}

import { channels, type CacheClient } from '@cache/core'
import { emit, unref, type PendingReleases } from '@cache/core/internal'
import type { SlotHandle } from './decision.js'
import { SlotLostError, isClosed } from './errors.js'
import { releaseScript, renewScript } from './scripts.js'

/** The slots that one request takes: one of each concurrency limit. */
export interface SlotSet {
  readonly client: CacheClient
  /** The state of each concurrency limit. */
  readonly keys: readonly string[]
  /** The ttl of each slot in milliseconds, in the order of `keys`. */
  readonly ttls: readonly number[]
  /** Identifies the request that takes the slots. */
  readonly token: string
}

export interface HeldSlotsOptions extends SlotSet {
  /** When the slots were requested, by `performance.now()`. */
  readonly requestedAt: number
  /** Retries the releases that Redis did not acknowledge. */
  readonly pendingReleases: PendingReleases
  /** Called once, when the slots are released or lost. */
  readonly onEnd: (slots: HeldSlots) => void
}

/**
 * Slots that this process holds. They are renewed after each third of their ttl, until they are
 * released or lost.
 */
export class HeldSlots implements SlotHandle {
  readonly #options: HeldSlotsOptions
  readonly #ttl: number
  readonly #controller = new AbortController()
  #expiryTimer: NodeJS.Timeout | undefined
  #renewalTimer: NodeJS.Timeout | undefined
  #released: Promise<void> | undefined

  constructor(options: HeldSlotsOptions) {
    this.#options = options
    this.#ttl = Math.min(...options.ttls)
    this.#extend(options.requestedAt)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  release(): Promise<void> {
    this.#clearTimers()
    return (this.#released ??= this.#release())
  }

  /** Releases the slots because the client is closed. The holder learns it first. */
  revoke(): Promise<void> {
    if (!this.ended) this.#controller.abort(new SlotLostError(this.#options.keys[0]!, true))
    return this.release()
  }

  async #release(): Promise<void> {
    const { keys, ttls, pendingReleases, onEnd } = this.#options
    onEnd(this)
    const attempt = (): Promise<unknown> => releaseSlots(this.#options, REMEMBER_RELEASE_FOR)
    try {
      await attempt()
    } catch (error) {
      emit(channels.error, () => ({ operation: 'ratelimit release', key: keys[0]!, error }))
      if (!isClosed(error))
        pendingReleases.add({ key: keys[0]!, ttl: Math.max(...ttls), release: attempt })
    }
  }

  /**
   * Restarts the ttl. It is counted from when the slots were requested, which is before Redis began
   * to count. They are given up slightly earlier than that, because timers fire late.
   */
  #extend(requestedAt: number): void {
    this.#clearTimers()
    const margin = Math.min(this.#ttl / 10, 100)
    const left = requestedAt + this.#ttl - margin - performance.now()
    if (left <= 0) return this.#lose()
    this.#expiryTimer = unref(setTimeout(() => this.#lose(), left))
    this.#renewAfter(Math.max(0, left - (2 * this.#ttl) / 3))
  }

  #renewAfter(ms: number): void {
    this.#renewalTimer = unref(setTimeout(() => void this.#renew(), ms))
  }

  async #renew(): Promise<void> {
    const { client, keys, ttls, token } = this.#options
    const requestedAt = performance.now()
    let renewed: boolean
    try {
      renewed = await client.run(renewScript, keys, [token, ...ttls.map(toMicros)], {
        timeout: Math.ceil(this.#ttl / 3),
      })
    } catch (error) {
      if (isClosed(error)) return // The slots expire by themselves.
      emit(channels.error, () => ({ operation: 'ratelimit renew', key: keys[0]!, error }))
      if (!this.ended) this.#renewAfter(this.#ttl / 20)
      return
    }
    if (this.ended) return
    if (renewed) this.#extend(requestedAt)
    else this.#lose()
  }

  /** Whether the slots are released or lost. */
  get ended(): boolean {
    return this.#released !== undefined || this.signal.aborted
  }

  #lose(): void {
    this.#clearTimers()
    this.#options.onEnd(this)
    this.#controller.abort(new SlotLostError(this.#options.keys[0]!))
  }

  #clearTimers(): void {
    clearTimeout(this.#expiryTimer)
    clearTimeout(this.#renewalTimer)
  }
}

/**
 * Releases the slots of a token and resolves with how many of them were held. It is safe to repeat.
 *
 * @param rememberFor Milliseconds for which the token takes no slot if its request arrives late.
 */
export function releaseSlots(
  { client, keys, ttls, token }: SlotSet,
  rememberFor: number,
): Promise<number> {
  return client.run(releaseScript, keys, [token, ...[rememberFor, ...ttls].map(toMicros)])
}

function toMicros(ms: number): string {
  return String(ms * 1_000)
}

/**
 * Milliseconds for which a release is remembered: the request that took the slot can arrive once
 * more until then.
 */
const REMEMBER_RELEASE_FOR = 10_000

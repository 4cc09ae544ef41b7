import { channels, type CacheClient } from '@cache/core'
import { emit, RenewedHold, type PendingReleases } from '@cache/core/internal'
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

/** Slots that this process holds, until they are released or lost. */
export class HeldSlots implements SlotHandle {
  readonly #options: HeldSlotsOptions
  readonly #controller = new AbortController()
  readonly #hold: RenewedHold
  #released: Promise<void> | undefined

  constructor(options: HeldSlotsOptions) {
    const { client, keys, ttls, token, requestedAt, onEnd } = options
    this.#options = options
    this.#hold = new RenewedHold({
      ttl: Math.min(...ttls),
      requestedAt,
      renew: (timeout) =>
        client.run(renewScript, keys, [token, ...ttls.map(toMicros)], { timeout }),
      onError: (error) =>
        emit(channels.error, () => ({ operation: 'ratelimit renew', key: keys[0]!, error })),
      onLost: () => {
        onEnd(this)
        this.#controller.abort(new SlotLostError(keys[0]!))
      },
      renewsExpired: false,
    })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  release(): Promise<void> {
    this.#hold.end()
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

  /** Whether the slots are released or lost. */
  get ended(): boolean {
    return this.#released !== undefined || this.signal.aborted
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

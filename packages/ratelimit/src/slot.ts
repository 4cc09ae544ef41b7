import { CacheError, ServerError, channels, type CacheClient } from '@cache/core'
import { emit, type PendingReleases } from '@cache/core/internal'
import type { Held } from './decision.js'
import { releaseScript, renewScript } from './scripts.js'

/**
 * The slot could not be renewed in time, or somebody else has ended it. Another may have it from
 * now on.
 */
export class SlotLostError extends CacheError {
  static override readonly kind: string = 'SlotLostError'
  constructor(key: string) {
    super(
      `The slot of ${key} is lost: it was not renewed within its ttl. Stop what it was held for.`,
      { code: 'SLOT_LOST', key },
    )
  }
}

export interface SlotRequest {
  readonly client: CacheClient
  /** One for each concurrency limit, and its ttl in ms. */
  readonly keys: readonly string[]
  readonly ttls: readonly number[]
  readonly token: string
  /** When it was asked for, by `performance.now()`. */
  readonly since: number
  /** What could not be released at once. */
  readonly pending: PendingReleases
}

/** Holds slots: renews them each third of their ttl until they are released, or lost. */
export class Slot implements Held {
  readonly #request: SlotRequest
  readonly #ttl: number
  readonly #controller = new AbortController()
  #end: NodeJS.Timeout | undefined
  #next: NodeJS.Timeout | undefined
  #released: Promise<void> | undefined

  constructor(request: SlotRequest) {
    this.#request = request
    this.#ttl = Math.min(...request.ttls)
    this.#extend(request.since)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  release(): Promise<void> {
    this.#stop()
    return (this.#released ??= this.#giveBack())
  }

  async #giveBack(): Promise<void> {
    const { client, keys, token, ttls, pending } = this.#request
    const attempt = (): Promise<unknown> =>
      release({ client, keys, ttls, token, remembered: REMEMBERED })
    try {
      await attempt()
    } catch (error) {
      emit(channels.error, () => ({ operation: 'ratelimit release', key: keys[0]!, error }))
      if (!(error instanceof CacheError && error.code === 'CLOSED'))
        pending.add({ key: keys[0]!, ttl: Math.max(...ttls), release: attempt })
    }
  }

  /**
   * It is held for a ttl from when that was asked for, which is before Redis began to count; and
   * given up a little earlier, as timers are late.
   */
  #extend(since: number): void {
    this.#stop()
    const left = since + this.#ttl - Math.min(this.#ttl / 10, 100) - performance.now()
    if (left <= 0) return this.#lose()
    this.#end = setTimeout(() => this.#lose(), left).unref()
    this.#next = setTimeout(
      () => void this.#renew(),
      Math.max(0, left - (2 * this.#ttl) / 3),
    ).unref()
  }

  async #renew(): Promise<void> {
    const { client, keys, ttls, token } = this.#request
    const since = performance.now()
    let renewed: boolean
    try {
      renewed = await client.run(renewScript, keys, [token, ...ttls.map(micros)], {
        timeout: Math.ceil(this.#ttl / 3),
      })
    } catch (error) {
      if (error instanceof CacheError && error.code === 'CLOSED') return // it ends by itself
      emit(channels.error, () => ({ operation: 'ratelimit renew', key: keys[0]!, error }))
      if (!this.#over) this.#next = setTimeout(() => void this.#renew(), this.#ttl / 20).unref()
      return
    }
    if (this.#over) return
    if (renewed) this.#extend(since)
    else this.#lose()
  }

  get #over(): boolean {
    return this.#released !== undefined || this.signal.aborted
  }

  #lose(): void {
    this.#stop()
    this.#controller.abort(new SlotLostError(this.#request.keys[0]!))
  }

  #stop(): void {
    clearTimeout(this.#end)
    clearTimeout(this.#next)
  }
}

export interface SlotRelease extends Pick<SlotRequest, 'client' | 'keys' | 'ttls' | 'token'> {
  /** Ms for which the token takes no slot any more. */
  readonly remembered: number
}

/** Ends the slots of a token. Safe to repeat. */
export function release({ client, keys, ttls, token, remembered }: SlotRelease): Promise<number> {
  return client.run(releaseScript, keys, [token, ...[remembered, ...ttls].map(micros)])
}

function micros(ms: number): string {
  return String(ms * 1_000)
}

/**
 * Whether what failed may have been done all the same, or may be yet: not where it was never sent,
 * or refused by Redis.
 */
export function mayHaveRun(error: unknown): boolean {
  return (
    !(error instanceof ServerError) && !(error instanceof CacheError && NEVER_SENT.has(error.code))
  )
}

const NEVER_SENT = new Set(['CIRCUIT_OPEN', 'OVERLOADED', 'CLOSED', 'NOT_SENT'])

/**
 * Ms for which a release is remembered: so much later may the attempt that took the slot come once
 * more.
 */
const REMEMBERED = 10_000

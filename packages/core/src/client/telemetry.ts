import { channel, type Channel } from 'node:diagnostics_channel'

/**
 * What each channel carries. `prefix` tells which cache spoke: the `prefix` option of the pattern.
 */
export interface Messages {
  /** A value was answered from a cache. */
  readonly hit: {
    readonly prefix: string
    readonly key: string
    readonly stale: boolean
    readonly layer: 'redis' | 'near'
  }
  /** There was nothing fresh to answer with. */
  readonly miss: { readonly prefix: string; readonly key: string }
  /** A loader has ended: after `ms`, with `error` if it threw. */
  readonly load: {
    readonly prefix: string
    readonly key: string
    readonly ms: number
    readonly background: boolean
    readonly error?: unknown
  }
  /**
   * A loaded value was offered to Redis; `stored: false`: an invalidation or a writer came first.
   */
  readonly fill: { readonly prefix: string; readonly key: string; readonly stored: boolean }
  readonly invalidate: { readonly keys: readonly string[] }
  readonly lock: { readonly name: string; readonly event: string; readonly ms?: number }
  readonly ratelimit: { readonly id: string; readonly allowed: boolean; readonly degraded: boolean }
  readonly flush: { readonly name: string; readonly writes: number; readonly ms: number }
  /**
   * Something went wrong that no caller was told: a read that fell back to its source, an entry
   * that can't be decoded.
   */
  readonly error: {
    readonly operation: string
    readonly error: unknown
    readonly key?: string
    readonly reason?: string
  }
}

type Channels = { readonly [Name in keyof Messages]: Typed<Messages[Name]> }

/** A diagnostics channel that knows its message. */
export interface Typed<M> extends Channel {
  publish(message: M): void
}

/**
 * The channels: `cache:hit`, `cache:miss`, `cache:load`, `cache:fill`, `cache:invalidate`,
 * `cache:lock`, `cache:ratelimit`, `cache:flush`, `cache:error`. Free while nobody listens.
 *
 * Source: https://nodejs.org/api/diagnostics_channel.html
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel'
 * subscribe('cache:miss', (message) => console.log((message as Messages['miss']).key))
 */
export const channels: Channels = {
  hit: channel('cache:hit'),
  miss: channel('cache:miss'),
  load: channel('cache:load'),
  fill: channel('cache:fill'),
  invalidate: channel('cache:invalidate'),
  lock: channel('cache:lock'),
  ratelimit: channel('cache:ratelimit'),
  flush: channel('cache:flush'),
  error: channel('cache:error'),
}

/** Publishes what `message` makes, and makes it only if somebody listens. */
export function emit<M>(to: Typed<M>, message: () => M): void {
  if (to.hasSubscribers) to.publish(message())
}

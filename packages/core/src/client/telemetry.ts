import { channel, type Channel } from 'node:diagnostics_channel'

/**
 * The messages of the channels. `prefix` says which cache, limiter or locks sent the message: it is
 * the option `prefix` of the pattern.
 */
export interface Messages {
  /** A cache returned a value. */
  readonly hit: {
    readonly prefix: string
    readonly key: string
    readonly stale: boolean
    readonly layer: 'redis' | 'near'
  }
  /** A cache had no fresh value. */
  readonly miss: { readonly prefix: string; readonly key: string }
  /** A loader has finished after `ms`. If it threw, `error` is set. */
  readonly load: {
    readonly prefix: string
    readonly key: string
    readonly ms: number
    readonly background: boolean
    readonly error?: unknown
  }
  /**
   * Redis was asked to store a loaded value. `stored: false` means that an invalidation or a write
   * came first.
   */
  readonly fill: { readonly prefix: string; readonly key: string; readonly stored: boolean }
  readonly invalidate: { readonly keys: readonly string[] }
  /** A lock, or a permit of a semaphore, was acquired, released or lost, or a wait timed out. */
  readonly lock: {
    readonly prefix: string
    readonly name: string
    readonly event: string
    readonly ms?: number
  }
  /**
   * A limiter has decided. `policy` is the name of the first limit that denies the request; it is
   * not set if the request is allowed, or denied by a block or a list.
   */
  readonly ratelimit: {
    readonly prefix: string
    readonly id: string
    readonly allowed: boolean
    readonly degraded: boolean
    readonly policy?: string
  }
  readonly flush: { readonly name: string; readonly writes: number; readonly ms: number }
  /**
   * An error that no caller received: a read that fell back to its source, or an entry that cannot
   * be decoded.
   */
  readonly error: {
    readonly operation: string
    readonly error: unknown
    readonly key?: string
    readonly reason?: string
  }
}

type Channels = { readonly [Name in keyof Messages]: Typed<Messages[Name]> }

/** A diagnostics channel with a typed message. */
export interface Typed<M> extends Channel {
  publish(message: M): void
}

/**
 * The diagnostics channels: `cache:hit`, `cache:miss`, `cache:load`, `cache:fill`,
 * `cache:invalidate`, `cache:lock`, `cache:ratelimit`, `cache:flush`, `cache:error`. Publishing
 * costs nothing while nobody subscribes.
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

/** Publishes a message. `message` is only called if the channel has subscribers. */
export function emit<M>(to: Typed<M>, message: () => M): void {
  if (to.hasSubscribers) to.publish(message())
}

import type { Script } from '../client/script.js'
import type { Argument } from '../drivers/command.js'
import type { LeaseReply } from './define-lease.js'
import type { Entry } from './entry.js'
import type { Meta } from './format.js'

/** The answer to a request for the lease of a key: the right to load it. */
export type Lease<T> =
  /** There is a fresh entry after all. */
  | { readonly status: 'hit'; readonly entry: Entry<T> }
  /** The lease is granted: load, then `fill` or `release`. */
  | { readonly status: 'leased'; readonly entry: Entry<T> | undefined }
  /** Another caller is loading. Its lease ends in `remaining` ms. */
  | { readonly status: 'wait'; readonly entry: Entry<T> | undefined; readonly remaining: number }
  /**
   * Load, but do not fill. `'bypass'`: a write is in progress. `'skip'`: the last loader asked not
   * to cache its value.
   */
  | { readonly status: 'bypass' | 'skip'; readonly entry: Entry<T> | undefined }

export interface LeaseRequest {
  readonly token: string
  /** The ttl of the lease, in ms. */
  readonly ttl: number
  /**
   * An entry with at most this many ms left to live is stale. A stale entry is returned together
   * with the lease. Default: no entry is stale.
   */
  readonly staleBelow?: number | 'all'
  /** Take the lease over instead of waiting for its holder. */
  readonly take?: boolean
  /** A pattern's own rule for which value is current, see `defineLease`. */
  readonly extension?: LeaseExtension | undefined
}

/** A script of `defineLease`, with the keys and arguments of the pattern. */
export interface LeaseExtension {
  readonly script: Script<LeaseReply>
  /** Keys in the slot of the entry. */
  readonly keys?: readonly string[]
  readonly args?: readonly Argument[]
}

/** How to store a value. */
export interface Write {
  /** Milliseconds; `Infinity`: the entry does not expire. */
  readonly ttl: number
  readonly meta?: Meta
  /**
   * The value of a fill may replace one that is still valid. So near caches of other processes are
   * told, as of any change.
   */
  readonly replaces?: boolean
}

/** Returns a ttl as an argument of a script: ms, or '0' if the entry does not expire. */
export function ttlArgument(ttl: number): string {
  return ttl === Infinity ? '0' : String(ttl)
}

import type { CacheClient } from '@cache/core'
import { sleep } from '@cache/core/internal'
import { sharedByCopies } from './shared-by-copies.js'

/** What a decorator has made on a client. */
export interface Made {
  /** Resolves when nothing runs in the background. */
  idle?(): Promise<void>
  close?(): Promise<void>
}

/**
 * What the decorators have made on one client: caches, locks and limiters. Each is made by the
 * first call that needs it. Applications that share a client share them, and the last one that ends
 * closes them.
 */
export class ClientScope {
  readonly #made = new Map<object, Made>()
  #users = 0

  static of(client: CacheClient): ClientScope {
    const existing = scopes.get(client)
    if (existing) return existing
    const scope = new ClientScope()
    scopes.set(client, scope)
    return scope
  }

  /** Returns what was made for this owner (a decorator), and makes it the first time. */
  get<M extends object>(owner: object, make: () => M & Made): M {
    const existing = this.#made.get(owner)
    if (existing) return existing as M
    const made = make()
    this.#made.set(owner, made)
    return made
  }

  /** An application begins to use the client. */
  retain(): void {
    this.#users++
  }

  /** An application has ended. After the last one, waits for refreshes and closes the rest. */
  async release(): Promise<void> {
    if (--this.#users > 0) return
    const made = [...this.#made.values()]
    this.#made.clear()
    const idle = Promise.all(made.map(async (one) => one.idle?.()))
    await Promise.race([idle, sleep(MAX_IDLE, undefined, { ref: false })])
    await Promise.all(made.map(async (one) => one.close?.()))
  }
}

const scopes = sharedByCopies('client scopes', () => new WeakMap<CacheClient, ClientScope>())

/** How long the end of an application waits for loads in the background, in ms. */
const MAX_IDLE = 5_000

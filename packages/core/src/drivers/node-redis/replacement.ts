import { listenTo } from '../shared/client-events.js'
import type { NodeRedisStandalone } from './client-shape.js'
import { Backoff } from '../../util/backoff.js'
import { sleep } from '../../util/sleep.js'
import { withTimeLimit } from '../../util/time-limit.js'

/** A client that can be duplicated with its options. */
interface Duplicable extends NodeRedisStandalone {
  readonly options?: { readonly socket?: object }
  duplicate(overrides?: object): Duplicable
}

interface ConnectOptions {
  /** Milliseconds for a connection and its handshake. */
  readonly timeout: number
  readonly database: number | undefined
}

interface ReplaceableClientEvents {
  /** The current client is ready. */
  ready(): void
  /** Commands that were written to the current client until now get no reply. */
  lost(): void
  error(error: unknown): void
}

/**
 * The node-redis client to write to: the client of the user, or a duplicate that replaces it while
 * its connection is useless.
 *
 * node-redis cannot be told to close a connection and open another one. So the client of the user
 * is left alone, and a duplicate with a separate connection replaces it. The duplicate is used as
 * long as its connection lasts. After that, the client of the user is used again, if it has
 * reconnected by itself.
 */
export class ReplaceableClient<C extends NodeRedisStandalone> {
  readonly #original: C
  readonly #on: ReplaceableClientEvents
  readonly #stopListening: () => void
  /** Whether the current connection of the client of the user is no longer used. */
  #abandoned = false
  #duplicate: Duplicable | undefined
  #closed = false
  /** The number of the current attempt. The result of an earlier attempt is dropped. */
  #attempt = 0

  constructor(original: C, on: ReplaceableClientEvents) {
    this.#original = original
    this.#on = on
    const onReconnected = (): void => {
      if (!this.#abandoned || original.isReady === false) return
      this.#abandoned = false
      if (this.#duplicate) return
      this.#drop()
      on.ready()
    }
    this.#stopListening = listenTo(original, { ready: onReconnected, destroy: () => this.#drop() })
  }

  /** The client to write to; `undefined` while there is none. */
  get current(): C | undefined {
    return (this.#duplicate as C | undefined) ?? (this.#abandoned ? undefined : this.#original)
  }

  /**
   * Stops using the current connection, and connects another client with the selected database
   * instead. Returns whether that is possible.
   */
  replace(timeout: number, database: number | undefined): boolean {
    const original = this.#original as unknown as Duplicable
    if (this.#closed || typeof original.duplicate !== 'function' || !original.isOpen) return false
    if (!this.#duplicate) this.#abandoned = true
    this.#drop()
    this.#on.lost()
    this.#useNext(original, { timeout, database })
    return true
  }

  close(): void {
    this.#closed = true
    this.#stopListening()
    this.#drop()
  }

  /** Closes the duplicate, and stops the attempt to connect one. */
  #drop(): void {
    this.#attempt++
    if (this.#duplicate) destroy(this.#duplicate)
    this.#duplicate = undefined
  }

  #useNext(original: Duplicable, options: ConnectOptions): void {
    if (this.#abandoned) void this.#connect(original, this.#attempt, options)
    else if (original.isReady) this.#on.ready()
  }

  async #connect(original: Duplicable, attempt: number, options: ConnectOptions): Promise<void> {
    const { timeout } = options
    const isCurrent = (): boolean => this.#attempt === attempt
    const backoff = new Backoff({ first: 50, max: 1_000 })
    while (isCurrent()) {
      const duplicate = original.duplicate(overridesFor(original, options))
      duplicate.on('error', (error: unknown) => {
        this.#on.error(error)
        if (this.#duplicate !== duplicate || duplicate.isReady) return
        this.#drop()
        this.#on.lost()
        this.#useNext(original, options)
      })
      try {
        await withTimeLimit(timeout, duplicate.connect(), { ref: false })
        if (!isCurrent()) return destroy(duplicate)
        this.#duplicate = duplicate
        return this.#on.ready()
      } catch {
        destroy(duplicate)
        await sleep(backoff.next(), undefined, { ref: false })
      }
    }
  }
}

/**
 * Returns the options in which a duplicate differs from its original.
 *
 * A Sentinel client sends no commands while it asks a Sentinel for the primary. If that takes
 * longer than `scanInterval`, it asks again and again and never sends any. So its duplicate does
 * not ask periodically. It still follows the messages of the Sentinels, and asks when it loses its
 * primary.
 */
function overridesFor(original: Duplicable, { timeout, database }: ConnectOptions): object {
  if ('getSentinelNode' in original) return { scanInterval: 0 }
  return {
    // The other options have what the URL says. It would take precedence over the ones here.
    url: undefined,
    socket: { ...original.options?.socket, reconnectStrategy: false, connectTimeout: timeout },
    ...(database !== undefined && { database }),
  }
}

function destroy(client: NodeRedisStandalone): void {
  const tryDestroy = (): void =>
    void Promise.resolve()
      .then(() => client.destroy())
      .catch(() => undefined) // it may already be closed
  tryDestroy()
  // A client that is destroyed while it connects still opens its socket.
  client.on('connect', tryDestroy)
}

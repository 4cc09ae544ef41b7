import { setTimeout as sleep } from 'node:timers/promises'
import { listenTo } from '../shared/client-events.js'
import type { NodeRedisStandalone } from './client-shape.js'
import { within } from '../shared/time-limit.js'

/** A client that can be made once more, with its options. */
interface Duplicable extends NodeRedisStandalone {
  readonly options?: { readonly socket?: object }
  duplicate(overrides?: object): Duplicable
}

interface Connecting {
  /** Ms for a connection and its handshake. */
  readonly patience: number
  readonly database: number | undefined
}

interface Events {
  /** The client in use is ready. */
  ready(): void
  /** What was written to the client in use until now gets no reply. */
  lost(): void
  trouble(error: unknown): void
}

/**
 * The node-redis client to write to: the user's own, or one in its place while its connection is
 * useless.
 *
 * node-redis cannot be told to give a connection up. So the user's client is left alone, and a
 * duplicate with a connection of its own takes its place. It is used for as long as its connection
 * lasts; after that it is the user's client's turn again, if that has made a new connection by
 * itself.
 */
export class ReplaceableClient<C extends NodeRedisStandalone> {
  readonly #original: C
  readonly #on: Events
  readonly #stopListening: () => void
  /** The connection that the user's client has was given up. */
  #abandoned = false
  #duplicate: Duplicable | undefined
  #closed = false
  /** Counts what is in use: an attempt that is not the last one is no longer wanted. */
  #attempt = 0

  constructor(original: C, on: Events) {
    this.#original = original
    this.#on = on
    const isBack = (): void => {
      if (!this.#abandoned || original.isReady === false) return
      this.#abandoned = false
      if (this.#duplicate) return
      this.#drop()
      on.ready()
    }
    this.#stopListening = listenTo(original, { ready: isBack, end: () => this.#drop() })
  }

  /** `undefined` while there is none that could be written to. */
  get current(): C | undefined {
    return (this.#duplicate as C | undefined) ?? (this.#abandoned ? undefined : this.#original)
  }

  /**
   * Gives the present connection up, and connects another client in its place, with the database
   * that was selected. Returns whether that is possible.
   */
  replace(patience: number, database: number | undefined): boolean {
    const original = this.#original as unknown as Duplicable
    if (this.#closed || typeof original.duplicate !== 'function' || !original.isOpen) return false
    if (!this.#duplicate) this.#abandoned = true
    this.#drop()
    this.#on.lost()
    this.#goOn(original, { patience, database })
    return true
  }

  close(): void {
    this.#closed = true
    this.#stopListening()
    this.#drop()
  }

  /** Ends the duplicate, and the attempt to make one. */
  #drop(): void {
    this.#attempt++
    if (this.#duplicate) end(this.#duplicate)
    this.#duplicate = undefined
  }

  #goOn(original: Duplicable, how: Connecting): void {
    if (this.#abandoned) void this.#connect(original, this.#attempt, how)
    else if (original.isReady) this.#on.ready()
  }

  async #connect(original: Duplicable, attempt: number, how: Connecting): Promise<void> {
    const { patience, database } = how
    const own = original.options?.socket
    const socket = own && { ...own, reconnectStrategy: false, connectTimeout: patience }
    const isWanted = (): boolean => this.#attempt === attempt
    for (let pause = FIRST_PAUSE; isWanted(); pause = Math.min(2 * pause, LAST_PAUSE)) {
      const duplicate = original.duplicate(
        socket && { socket, ...(database !== undefined && { database }) },
      )
      duplicate.on('error', (error: unknown) => {
        this.#on.trouble(error)
        if (this.#duplicate !== duplicate || duplicate.isReady) return
        this.#drop()
        this.#on.lost()
        this.#goOn(original, how)
      })
      try {
        await within(patience, duplicate.connect(), { ref: false })
        if (!isWanted()) return end(duplicate)
        this.#duplicate = duplicate
        return this.#on.ready()
      } catch {
        end(duplicate)
        await sleep(pause, undefined, { ref: false })
      }
    }
  }
}

function end(client: NodeRedisStandalone): void {
  const destroy = (): void =>
    void Promise.resolve()
      .then(() => client.destroy())
      .catch(() => undefined) // it may be closed already
  destroy()
  client.on('connect', destroy) // what is destroyed while it connects gets its socket all the same
}

const FIRST_PAUSE = 50
const LAST_PAUSE = 1_000

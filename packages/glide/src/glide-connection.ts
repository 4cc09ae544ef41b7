import { Backoff, sleepUnlessAborted } from '@cache/core/internal'
import type { GlideClient } from '@valkey/valkey-glide'

export interface GlideConnectionEvents {
  /** Commands can be sent. */
  ready(): void
  /** Commands that were sent until now get no reply any more. */
  lost(): void
  error(error: unknown): void
}

/**
 * The GLIDE client to send to.
 *
 * GLIDE reports neither the loss nor the return of its connection, and keeps commands while it
 * reconnects. So a client whose connection was lost is closed here, and another one is connected.
 * In between, commands wait in the driver, which can tell that they were not sent.
 */
export class GlideConnection {
  readonly #connect: () => Promise<GlideClient>
  readonly #listeners = new Set<GlideConnectionEvents>()
  readonly #stop = new AbortController()
  #current: GlideClient | undefined
  #connecting = false
  #lostAt = -Infinity

  /** `connect` resolves to a client that commands can be sent to. */
  constructor(connect: () => Promise<GlideClient>) {
    this.#connect = connect
  }

  /** The client; `undefined` while there is no connection. */
  get current(): GlideClient | undefined {
    return this.#current
  }

  get closed(): boolean {
    return this.#stop.signal.aborted
  }

  /**
   * Returns the milliseconds since a client was closed. GLIDE sends the commands that a closed
   * client keeps if it reconnects within their timeout.
   */
  sinceLoss(): number {
    return performance.now() - this.#lostAt
  }

  /** Returns a function that stops listening. */
  listen(listener: GlideConnectionEvents): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Connects, unless that is done or under way. */
  open(): void {
    if (this.#current || this.#connecting || this.closed) return
    this.#connecting = true
    void this.#keepConnecting()
  }

  /** Closes the client if it is still the current one, and connects another one. */
  replace(client: GlideClient | undefined = this.#current): void {
    if (client !== this.#current || this.closed) return
    this.#drop()
    this.open()
  }

  close(): void {
    this.#stop.abort()
    this.#current?.close()
    this.#current = undefined
  }

  async #keepConnecting(): Promise<void> {
    const backoff = new Backoff({ first: 50, max: 1_000 })
    while (!this.closed) {
      try {
        const client = await this.#connect()
        this.#connecting = false
        if (this.closed) client.close()
        else this.#use(client)
        return
      } catch (error) {
        for (const { error: report } of this.#listeners) report(error)
        await sleepUnlessAborted(backoff.next(), this.#stop.signal, { ref: false })
      }
    }
  }

  #use(client: GlideClient): void {
    this.#current = client
    for (const { ready } of [...this.#listeners]) ready()
  }

  #drop(): void {
    const client = this.#current
    if (!client) return
    this.#current = undefined
    this.#lostAt = performance.now()
    for (const { lost } of [...this.#listeners]) lost()
    client.close()
  }
}

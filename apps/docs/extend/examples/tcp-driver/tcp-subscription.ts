import { randomUUID } from 'node:crypto'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  CacheError,
  ConnectionError,
  ServerError,
  type Connection,
  type Subscription,
  type SubscriptionEvents,
} from '@cache/core'
import { encodeCommand, ErrorReply, ReplyReader, type RawReply } from './resp.js'

export interface TcpSubscriptionOptions {
  readonly address: TcpNetConnectOpts
  readonly channels: readonly string[]
  readonly on: SubscriptionEvents
  /** Milliseconds between two beats; `undefined` for none. */
  readonly heartbeat: number | undefined
  /** The connection over which beats are published: that of the commands. */
  readonly commands: Connection
}

/** A subscription on a connection of its own, which it opens again until it is closed. */
export class TcpSubscription implements Subscription {
  /** Resolves when messages are received. Rejects if the server refuses, or on `close`. */
  readonly ready: Promise<void>
  readonly #options: TcpSubscriptionOptions
  readonly #beatChannel: string
  #resolveReady!: () => void
  #rejectReady!: (error: Error) => void
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #state: 'connecting' | 'live' | 'gap' | 'closed' = 'connecting'
  #confirmed = 0
  #beat = { sentAt: 0, payload: '' }

  constructor(options: TcpSubscriptionOptions) {
    this.#options = options
    this.#beatChannel = `${options.channels[0]}:beat:${randomUUID()}`
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve
      this.#rejectReady = reject
    })
    this.ready.catch(() => undefined)
    this.#open()
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    clearTimeout(this.#timer)
    this.#socket?.destroy()
    this.#rejectReady(new ConnectionError('The subscription is closed.'))
  }

  #open(): void {
    if (this.#state === 'closed') return
    this.#confirmed = 0
    const reader = new ReplyReader()
    const socket = connect({ keepAlive: true, ...this.#options.address })
    this.#socket = socket
    socket.on('connect', () => {
      const channels = [...this.#options.channels, this.#beatChannel]
      socket.write(encodeCommand(['SUBSCRIBE', ...channels]))
    })
    socket.on('data', (chunk) => {
      for (const reply of reader.read(chunk)) this.#receive(reply)
    })
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () => this.#lost())
  }

  /** Messages may have been missed from here on. */
  #lost(): void {
    if (this.#state === 'closed') return
    if (this.#state === 'live') {
      this.#state = 'gap'
      this.#options.on.gap()
    }
    this.#after(RECONNECT_PAUSE, () => this.#open())
  }

  #receive(reply: RawReply): void {
    if (this.#state === 'closed') return
    if (reply instanceof ErrorReply) {
      this.#rejectReady(ServerError.fromReply(reply.text, { command: 'SUBSCRIBE' }))
      void this.close()
      return
    }
    const [kind, channel, payload] = (reply as readonly RawReply[]).map(String)
    if (kind === 'message' && channel === this.#beatChannel) this.#beatReturned(payload!)
    else if (kind === 'message') this.#options.on.message(channel!, payload!)
    else if (++this.#confirmed === this.#options.channels.length + 1) {
      if (this.#options.heartbeat === undefined) this.#listens()
      else void this.#sendBeat()
    }
  }

  #listens(): void {
    const before = this.#state
    if (before === 'live') return
    this.#state = 'live'
    if (before === 'gap') this.#options.on.live()
    else this.#resolveReady()
  }

  /**
   * Publishes a message to ourselves. Its return shows that both connections lead to the same
   * server, and that all messages from before have arrived.
   */
  async #sendBeat(): Promise<void> {
    const { commands, heartbeat = 0 } = this.#options
    const socket = this.#socket
    this.#beat = { sentAt: performance.now(), payload: randomUUID() }
    this.#after(heartbeat, () => socket?.destroy()) // it did not return in time
    const key = `${this.#beatChannel}:none`
    const [deleted, receivers] = await Promise.all(
      commands.send(
        [
          { args: ['DEL', key], keys: [key] }, // only a primary accepts a write
          { args: ['PUBLISH', this.#beatChannel, this.#beat.payload], keys: [] },
        ],
        { timeout: heartbeat },
      ),
    )
    const isReplica = deleted instanceof ServerError && deleted.code === 'READONLY'
    if (isReplica || receivers instanceof CacheError || receivers === 0) socket?.destroy()
  }

  #beatReturned(payload: string): void {
    if (payload !== this.#beat.payload) return
    this.#options.on.alive?.(this.#beat.sentAt)
    this.#listens()
    this.#after(this.#options.heartbeat!, () => void this.#sendBeat())
  }

  #after(milliseconds: number, next: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(next, milliseconds)
  }
}

const RECONNECT_PAUSE = 50

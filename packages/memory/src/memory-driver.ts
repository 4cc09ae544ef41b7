import {
  type CacheError,
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  type Command,
  type CommandResult,
  type Connection,
  type Driver,
  type Duration,
  type Reply,
  type SendOptions,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvents,
} from '@cache/core'
import { checkOptions } from '@cache/core/internal'
import { RedisError, Status, type ServerReply } from './server/reply.js'
import { MemoryServer, type Faults, type Listener } from './server/server.js'

export interface MemoryDriverOptions {
  /**
   * The data that drivers share: give two drivers the same server, and they behave as two processes
   * with one Redis. Default: a new one.
   */
  readonly server?: MemoryServer
  /** How long a command waits for its reply where its sender does not say. Default 1 s. */
  readonly timeout?: Duration
}

export interface MemoryDriver extends Driver {
  readonly server: MemoryServer
  /** Switch these on to see what your code does during a failure. */
  readonly faults: Faults
  /** Sets the server's clock to this many ms from the machine's. */
  setClock(offset: number): void
  /** Deletes all keys. */
  flush(): void
}

/**
 * A driver without a Redis server: keys are in the memory of the process. For unit tests, for
 * development, and for examples in a browser; not for production, since nothing is shared between
 * processes and nothing survives them.
 *
 * It runs the same Lua scripts as Redis does, so it behaves as the real protocol does.
 *
 * @example
 * const client = createCacheClient(memoryDriver(), { namespace: 'test' })
 * const products = createAside<Product>({ client, prefix: 'product', ttl: '1m' })
 */
export function memoryDriver(options: MemoryDriverOptions = {}): MemoryDriver {
  const check = checkOptions('memoryDriver', options, ['server', 'timeout'])
  if (check.has('server') && !(options.server instanceof MemoryServer))
    check.fail('server', 'a MemoryServer')
  const server = options.server ?? new MemoryServer()
  const timeout = check.duration('timeout', 1_000)
  const subscriptions = new Set<MemorySubscription>()
  const main = new Queue(server, timeout)
  const queues = new Set([main])

  const send = (commands: readonly Command[], how?: SendOptions) => main.send(commands, how)
  return {
    name: 'memory',
    topology: 'standalone',
    server,
    faults: server.faults,
    setClock: (offset) => server.setClock(offset),
    flush: () => void server.execute(['FLUSHALL']),
    send,
    group: (keys) => (keys.length === 0 ? [] : [[...keys]]),
    silentFor: () => main.silentFor,
    async dedicate(): Promise<Connection> {
      if (main.isClosed) throw closed()
      const own = new Queue(server, undefined)
      queues.add(own)
      return {
        send: (commands, how) => own.send(commands, how),
        async close() {
          own.close()
          queues.delete(own)
        },
      }
    },
    async subscribe(channels, events, how) {
      if (main.isClosed) throw closed()
      const subscription = new MemorySubscription(server, channels, events, how, () =>
        subscriptions.delete(subscription),
      )
      subscriptions.add(subscription)
      return subscription
    },
    nodes: async () => [{ id: 'memory', send }],
    async close() {
      for (const queue of queues) queue.close()
      for (const subscription of subscriptions) await subscription.close()
    },
  }
}

/** Commands of one connection: they run in order, and each settles within its time. */
class Queue {
  readonly #server: MemoryServer
  readonly #timeout: number | undefined
  readonly #open = new Set<(error: CacheError) => void>()
  #silentSince: number | undefined
  isClosed = false

  constructor(server: MemoryServer, timeout: number | undefined) {
    this.#server = server
    this.#timeout = timeout
  }

  get silentFor(): number {
    return this.#silentSince === undefined ? 0 : performance.now() - this.#silentSince
  }

  send(
    commands: readonly Command[],
    { timeout = this.#timeout }: SendOptions = {},
  ): readonly Promise<CommandResult>[] {
    return commands.map((command) => this.#one(command, timeout))
  }

  #one(command: Command, timeout: number | undefined): Promise<CommandResult> {
    if (this.isClosed) return Promise.resolve(closed(command))
    return new Promise((resolve) => {
      const asked = performance.now()
      let timer: NodeJS.Timeout | undefined
      let isSettled = false
      const settle = (reply: CommandResult): void => {
        if (isSettled) return
        isSettled = true
        clearTimeout(timer)
        this.#open.delete(settle)
        resolve(reply)
      }
      const tooLate = (): CommandTimeoutError =>
        new CommandTimeoutError(
          `${described(command)} got no reply within ${timeout} ms.`,
          detailsOf(command),
        )
      this.#open.add(settle)
      if (timeout !== undefined) timer = setTimeout(() => settle(tooLate()), timeout)
      // As over a socket: nothing runs before the caller's turn of the event loop is over.
      queueMicrotask(() => {
        const { silent, refused, slow = 0 } = this.#server.faults
        if (refused)
          return settle(
            new ConnectionError(
              `${described(command)} was not sent: the connection was refused.`,
              detailsOf(command),
            ),
          )
        if (silent) return void (this.#silentSince ??= asked)
        this.#silentSince = undefined
        const run = (): void => {
          if (isSettled) return
          this.#server.blocking(
            command.args.map(toBytes),
            (reply) => {
              // A script that took longer than its time is late, though its timer could not run.
              if (timeout !== undefined && performance.now() - asked > timeout) settle(tooLate())
              else settle(fromServer(reply, command))
            },
            () => isSettled,
          )
        }
        if (slow > 0) setTimeout(run, slow)
        else run()
      })
    })
  }

  close(): void {
    this.isClosed = true
    for (const settle of [...this.#open]) settle(closed())
  }
}

class MemorySubscription implements Subscription, Listener {
  readonly channels: ReadonlySet<string>
  readonly prefixes: readonly string[] | undefined
  readonly invalidated: ((keys: readonly string[] | undefined) => void) | undefined
  readonly #server: MemoryServer
  readonly #events: SubscriptionEvents
  readonly #onClose: () => void
  readonly #beats: NodeJS.Timeout | undefined

  constructor(
    server: MemoryServer,
    channels: readonly string[],
    events: SubscriptionEvents,
    { heartbeat, tracking }: SubscribeOptions = {},
    onClose: () => void,
  ) {
    this.channels = new Set(channels.map(toBytes))
    this.prefixes = tracking?.prefixes.map(toBytes)
    this.invalidated =
      tracking && ((keys) => this.#deliver(() => events.invalidated?.(keys?.map(fromBytes))))
    this.#server = server
    this.#events = events
    this.#onClose = onClose
    server.listeners.add(this)
    if (heartbeat !== undefined) {
      events.alive?.(performance.now())
      this.#beats = setInterval(() => this.#beat(), heartbeat)
      this.#beats.unref()
    }
  }

  message(channel: string, payload: string): void {
    this.#deliver(() => this.#events.message(fromBytes(channel), fromBytes(payload)))
  }

  killed(): void {
    this.#events.gap()
    this.#deliver(() => this.#events.live())
  }

  async close(): Promise<void> {
    clearInterval(this.#beats)
    this.#server.listeners.delete(this)
    this.#onClose()
  }

  /** In a later turn, as over a socket. */
  #deliver(what: () => void): void {
    queueMicrotask(() => {
      if (this.#server.listeners.has(this)) what()
    })
  }

  #beat(): void {
    if (this.#server.faults.silent || this.#server.faults.refused) this.#events.gap()
    else this.#events.alive?.(performance.now())
  }
}

function toBytes(argument: string | Buffer): string {
  return (typeof argument === 'string' ? Buffer.from(argument) : argument).toString('latin1')
}

function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}

function fromServer(reply: ServerReply, command: Command): Reply | CacheError {
  if (reply instanceof RedisError) return serverError(reply, command)
  if (reply instanceof Status) return reply.text
  if (typeof reply === 'string')
    return command.binary ? Buffer.from(reply, 'latin1') : fromBytes(reply)
  if (Array.isArray(reply))
    return reply.map((one) => fromServer(one as ServerReply, command)) as unknown as Reply
  return reply as Reply
}

function serverError(error: RedisError, command: Command): ServerError {
  return ServerError.fromReply(error.message, { ...detailsOf(command), args: command.args })
}

function described({ args, keys }: Command): string {
  return keys[0] === undefined ? args[0] : `${args[0]} ${keys[0]}`
}

function detailsOf({ args, keys }: Command): { readonly command: string; readonly key?: string } {
  return { command: args[0], ...(keys[0] !== undefined && { key: keys[0] }) }
}

function closed(command?: Command): ConnectionError {
  return new ConnectionError(
    'Nothing was sent: the driver was closed.',
    command ? detailsOf(command) : {},
  )
}

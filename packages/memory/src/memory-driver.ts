import {
  InvalidOptionError,
  type Command,
  type Connection,
  type Driver,
  type Duration,
  type SendOptions,
  type Size,
} from '@cache/core'
import {
  customOption,
  durationOption,
  givenOption,
  readOptions,
  type OptionTable,
} from '@cache/core/internal'
import { CommandQueue, closed } from './command-queue.js'
import { MemorySubscription } from './memory-subscription.js'
import { MemoryServer, type Faults } from './server/server.js'

export interface MemoryDriverOptions {
  /**
   * The data that drivers share: give two drivers the same server, and they behave as two processes
   * with one Redis. Default: a new one.
   */
  readonly server?: MemoryServer
  /**
   * The memory that all keys of a new server may take together. Beyond it, the least recently used
   * ones are deleted; see `MemoryServerOptions`. Default: no bound.
   */
  readonly maxBytes?: Size
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

/** The rows of `MemoryDriverOptions`. */
const driverOptions = {
  server: customOption((server, path): MemoryServer | undefined => {
    if (server === undefined || server instanceof MemoryServer) return server
    throw new InvalidOptionError(path, 'a MemoryServer', server)
  }),
  maxBytes: givenOption(),
  timeout: durationOption('1s'),
} satisfies OptionTable<MemoryDriverOptions>

/**
 * A driver without a Redis server: keys are in the memory of the process. For unit tests, for
 * development, for examples in a browser, and for caches of one process that has no Redis. Nothing
 * is shared between processes, and nothing survives them.
 *
 * It runs the same Lua scripts as Redis does, so it behaves as the real protocol does.
 *
 * @example
 * const client = createCacheClient(memoryDriver(), { namespace: 'test' })
 * const products = createAside<Product>({ client, prefix: 'product', ttl: '1m' })
 */
export function memoryDriver(options: MemoryDriverOptions = {}): MemoryDriver {
  const { server: given, maxBytes, timeout } = readOptions('memoryDriver', driverOptions, options)
  if (given && maxBytes !== undefined)
    throw new InvalidOptionError(
      'maxBytes',
      'an option of the MemoryServer, if you pass one',
      maxBytes,
    )
  const server = given ?? new MemoryServer(maxBytes === undefined ? {} : { maxBytes })
  const subscriptions = new Set<MemorySubscription>()
  const main = new CommandQueue(server, timeout)
  const queues = new Set([main])

  const send = (commands: readonly Command[], how?: SendOptions) => main.send(commands, how)
  return {
    name: 'memory',
    topology: 'standalone',
    server,
    faults: server.faults,
    setClock: (offset) => server.setClock(offset),
    flush: () => void server.flush(),
    send,
    group: (keys) => (keys.length === 0 ? [] : [[...keys]]),
    silentFor: () => main.silentFor,
    async dedicate(): Promise<Connection> {
      if (main.isClosed) throw closed()
      const own = new CommandQueue(server, undefined)
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

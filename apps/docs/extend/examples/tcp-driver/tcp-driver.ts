import {
  CacheError,
  parseDuration,
  type Connection,
  type Driver,
  type Duration,
  type Subscription,
} from '@cache/core'
import { CommandConnection } from './command-connection.js'
import { TcpSubscription } from './tcp-subscription.js'

export interface TcpDriverOptions {
  readonly host: string
  readonly port: number
  /** How long a command waits for its reply if its sender does not say. Default 1 s. */
  readonly timeout?: Duration
}

/** Creates a driver for one server without a password, on plain TCP sockets and RESP2. */
export function tcpDriver({ host, port, timeout = '1s' }: TcpDriverOptions): Driver {
  const address = { host, port }
  const commands = new CommandConnection(address, parseDuration(timeout, 'timeout'))
  const opened = new Set<Connection | Subscription>([commands])

  return {
    name: 'tcp',
    topology: 'standalone',
    send: (batch, options) => commands.send(batch, options),
    group: (keys) => (keys.length === 0 ? [] : [keys]),
    nodes: async () => [
      { id: `${host}:${port}`, send: (batch, options) => commands.send(batch, options) },
    ],
    async dedicate() {
      const connection = new CommandConnection(address)
      opened.add(connection)
      return connection
    },
    async subscribe(channels, on, { heartbeat, tracking } = {}) {
      if (tracking) throw new CacheError('tcpDriver does not track keys.', { code: 'UNSUPPORTED' })
      const options = { address, channels, on, heartbeat, commands }
      const subscription = new TcpSubscription(options)
      opened.add(subscription)
      await subscription.ready
      return subscription
    },
    async close() {
      await Promise.all([...opened].map((one) => one.close()))
    },
  }
}

import { ConnectionError, type CacheError, type Command } from '@cache/core'
import { askRole, errorOf, type ClientAdapter, type Settle } from '@cache/core/driver-internal'
import { execute, isLoss, isTimeout } from './glide-client.js'
import type { GlideConnection } from './glide-connection.js'
import { isErrorReply, resultOf, serverErrorOf } from './replies.js'

/** What the adapter needs to know about a connection. */
export interface AdapterOptions {
  /** Milliseconds for a probe. */
  readonly timeout: number
  /** Whether a new connection leads to the new primary after a failover. */
  readonly findsPrimary: boolean
  readonly cluster?: ClusterOfNode | undefined
}

/** The Cluster that a node belongs to. */
export interface ClusterOfNode {
  /** Whether the node is one of the primaries. */
  isKnown(): boolean
  /** Asks other nodes which of them owns which slots. */
  rediscover(): void
}

/** Adapts a connection to one server for `ManagedConnection`. */
export function glideAdapter(
  connection: GlideConnection,
  { timeout, findsPrimary, cluster }: AdapterOptions,
): ClientAdapter {
  return {
    isReady: () => connection.current !== undefined,
    // GLIDE takes back a batch whose time is up.
    writesAtOnce: true,
    ended: () => (connection.closed ? 'the driver is closed' : undefined),
    connect: () => connection.open(),
    watch: (on) => connection.listen(on),
    sinceResend: () => connection.sinceLoss(),
    write: (commands, settle, _signal, _isPending, remaining) =>
      void write(connection, { commands, settle, timeout: remaining }),

    ...(cluster && { rediscover: () => cluster.rediscover() }),
    checksRole: cluster === undefined,
    findsPrimary,
    isKnown: () => cluster?.isKnown() ?? true,
    isConnected: () => connection.current !== undefined,
    probe: () =>
      askRole(async (command) => {
        const { current } = connection
        if (!current) throw new ConnectionError('There is no connection.')
        const [raw] = await execute(current, [command.args], timeout)
        return resultOf(raw, command)
      }),
    bytesRead: () => undefined,
    reconnect: () => connection.replace(),
  }
}

interface WriteRequest {
  readonly commands: readonly Command[]
  readonly settle: Settle
  readonly timeout: number | undefined
}

/** Sends commands in one batch, since GLIDE may reorder separate ones. Never rejects. */
async function write(
  connection: GlideConnection,
  { commands, settle, timeout }: WriteRequest,
): Promise<void> {
  const { current } = connection
  const settleAll = (errorFor: (command: Command) => CacheError): void => {
    for (const [index, command] of commands.entries()) settle(index, errorFor(command))
  }
  try {
    if (!current) throw new Error('the connection was lost')
    const replies = await execute(
      current,
      commands.map(({ args }) => args),
      timeout,
    )
    for (const [index, command] of commands.entries())
      settle(index, resultOf(replies[index], command))
  } catch (error) {
    // The driver has a deadline of its own, and reports it.
    if (isTimeout(error)) return
    if (isErrorReply(error)) return settleAll((command) => serverErrorOf(error, command))
    settleAll((command) => errorOf(error, command))
    if (isLoss(error)) connection.replace(current)
  }
}

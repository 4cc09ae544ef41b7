import { ConnectionError, type CacheError, type Command } from '@cache/core'
import {
  askRole,
  containsItsKey,
  errorOf,
  groupBy,
  hostAndPort,
  type ClientAdapter,
  type Settle,
} from '@cache/core/internal'
import type { SingleNodeRoute } from '@valkey/valkey-glide'
import { execute, isClosed, isLoss, isTimeout } from './glide-client.js'
import type { GlideConnection } from './glide-connection.js'
import { isErrorReply, resultOf, serverErrorOf } from './replies.js'
import type { Slots } from './slots.js'

/** What `glideAdapter` adapts. */
export interface AdaptedConnection {
  readonly connection: GlideConnection
  /** Of a Cluster. */
  readonly slots?: Slots | undefined
  /** On a Cluster: the node that all commands go to. */
  readonly node?: string | undefined
  /** Milliseconds for commands of the adapter itself. */
  readonly timeout: number
}

/** Adapts a connection of GLIDE for `ManagedConnection`. */
export function glideAdapter(adapted: AdaptedConnection): ClientAdapter {
  const { connection, slots, node, timeout } = adapted
  return {
    isReady: () => connection.current !== undefined,
    // A batch with a timeout is taken back by GLIDE itself.
    writesAtOnce: true,
    ended: () => (connection.closed ? 'the driver is closed' : undefined),
    connect: () => connection.open(),
    watch: (on) => connection.listen(on),
    sinceResend: () => connection.sinceLoss(),
    write(commands, settle, _signal, _isPending, remaining) {
      if (slots && connection.current) void slots.refreshIfOld(connection.current, timeout)
      for (const part of partsOf(adapted, commands))
        void writePart(adapted, part, { commands, settle, timeout: remaining })
    },

    ...(slots &&
      node === undefined && {
        nodeOf: ({ keys }: Command) =>
          (keys.length > 0 ? slots.ownerOf(keys[0]!) : undefined) ?? '',
        rediscover() {
          if (connection.current) void slots.refreshIfOld(connection.current, timeout)
        },
      }),
    checksRole: slots === undefined,
    findsPrimary: false,
    isKnown: (address) => !slots || slots.primaries.has(address),
    isConnected: () => connection.current !== undefined,
    probe: (address) =>
      askRole(async (command) => {
        const { current } = connection
        if (!current) throw new ConnectionError('There is no connection.')
        const route = slots && address !== '' ? routeTo(address) : undefined
        const [raw] = await execute(current, [command.args], { timeout, route })
        return resultOf(raw, command)
      }),
    bytesRead: () => undefined,
    reconnect() {
      if (slots) void connection.renew()
      else connection.replace()
    },
  }
}

/** Commands that are sent in one batch. */
interface Part {
  readonly indexes: readonly number[]
  readonly route?: SingleNodeRoute | undefined
}

/**
 * Divides commands into one batch for each node, since a batch is only answered when all nodes have
 * answered. GLIDE sends a command of a batch elsewhere if the node no longer owns its slot.
 */
function partsOf({ slots, node }: AdaptedConnection, commands: readonly Command[]): Part[] {
  const all = commands.map((_, index) => index)
  if (!slots) return [{ indexes: all }]
  if (node !== undefined) return [{ indexes: all, route: routeTo(node) }]
  const parts: Part[] = []
  const byNode = groupBy(all, (index) => {
    const command = commands[index]!
    const [key] = command.keys
    if (key === undefined) return ''
    if (containsItsKey(command)) return slots.ownerOf(key) ?? key
    parts.push({ indexes: [index], route: { type: 'primarySlotKey', key } })
    return undefined
  })
  byNode.delete(undefined)
  for (const indexes of byNode.values()) {
    const [key] = commands[indexes[0]!]!.keys
    parts.push({ indexes, ...(key !== undefined && { route: { type: 'primarySlotKey', key } }) })
  }
  return parts
}

function routeTo(address: string): SingleNodeRoute {
  return { type: 'routeByAddress', ...hostAndPort(address) }
}

interface WriteOptions {
  readonly commands: readonly Command[]
  readonly settle: Settle
  readonly timeout: number | undefined
}

/** Never rejects. */
async function writePart(
  { connection, slots }: AdaptedConnection,
  { indexes, route }: Part,
  { commands, settle, timeout }: WriteOptions,
): Promise<void> {
  const { current } = connection
  const settleAll = (resultOfOne: (command: Command) => CacheError): void => {
    for (const index of indexes) settle(index, resultOfOne(commands[index]!))
  }
  try {
    if (!current) throw new Error('the connection was lost')
    const batch = indexes.map((index) => commands[index]!.args)
    const replies = await execute(current, batch, { timeout, route })
    for (const [i, index] of indexes.entries())
      settle(index, resultOf(replies[i], commands[index]!))
  } catch (error) {
    // The driver has a deadline of its own, and reports it.
    if (isTimeout(error)) return
    if (isErrorReply(error)) return settleAll((command) => serverErrorOf(error, command))
    settleAll((command) => errorOf(error, command))
    // On a Cluster, GLIDE connects to the node again, and finds out where its slots are now.
    if (isClosed(error) || (isLoss(error) && !slots)) connection.replace(current)
  }
}

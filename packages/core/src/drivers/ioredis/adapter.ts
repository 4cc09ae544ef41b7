import { groupBy } from '../../util/group-by.js'
import { slot } from '../../client/keys.js'
import { containsItsKey, type Command } from '../command.js'
import type { CommandResult } from '../driver.js'
import { listenTo } from '../shared/client-events.js'
import type { IoredisClient, IoredisCluster, IoredisNode } from './client-shape.js'
import type { ClientAdapter, Settle } from '../shared/client-adapter.js'
import { CombinedReads, isCombined } from '../shared/combined-reads.js'
import { errorOf, replyOf } from '../shared/replies.js'
import { askRole } from '../shared/role.js'

interface Pipeline {
  call(command: string, args: (string | Buffer)[]): unknown
  callBuffer(command: string, args: (string | Buffer)[]): unknown
  exec(): Promise<[error: Error | null, reply: unknown][] | null>
}

/**
 * Up to this many commands are sent one by one. A pipeline only returns when the last of its
 * commands has been answered.
 */
const MAX_SINGLE_WRITES = 8

/** Adapts a client of ioredis for `ManagedConnection`. */
export function ioredisAdapter(
  client: IoredisClient,
  cluster: IoredisCluster | undefined,
): ClientAdapter {
  const combinedReads = new CombinedReads()
  const ownerOf = (key: string): string | undefined => cluster?.slots[slot(key)]?.[0]
  let nodeEndedAt = -Infinity
  const nodeAt = (address: string): IoredisNode | undefined =>
    cluster ? nodeOfCluster(cluster, address) : (client as IoredisNode)
  return {
    // The status is still 'ready' while the socket is closing. A command that is written then goes
    // into the offline queue.
    isReady: () => client.status === 'ready' && (client as IoredisNode).stream?.writable !== false,
    writesAtOnce: true,
    ended: () =>
      client.status === 'end'
        ? 'the ioredis client has ended: it was disconnected, or gave up reconnecting'
        : undefined,
    connect: () => {
      // The events 'close' or 'end' report a failure.
      if (client.status === 'wait') client.connect().catch(() => undefined)
    },
    watch({ ready, lost, error }) {
      if (cluster) for (const node of cluster.nodes('all')) handleFailedAsking(node)
      const nodeEvents = cluster && {
        '+node': handleFailedAsking,
        '-node': () => {
          nodeEndedAt = performance.now()
        },
      }
      return listenTo(client, { error, ready, close: lost, end: lost, ...nodeEvents })
    },
    write(commands, settle, _signal, isPending) {
      if (cluster) writeToCluster(cluster, combinedReads, commands, settle, isPending)
      else if (commands.length <= MAX_SINGLE_WRITES)
        commands.forEach((command, index) => writeOne(client, command, index, settle))
      else
        void writeAll(
          client,
          commands,
          commands.map((_, index) => index),
          settle,
          (error, index) => settle(index, errorOf(error, commands[index]!)),
        )
    },

    ...(cluster && {
      // On a Cluster, ioredis resends the commands that a node did not answer, once the connection
      // to the node has ended (`retryDelayOnFailover`).
      sinceResend: () => performance.now() - nodeEndedAt,
      nodeOf: ({ keys }: Command) => (keys.length > 0 ? ownerOf(keys[0]!) : undefined) ?? '',
      groupReads: (keys: readonly string[]) => combinedReads.group(keys, ownerOf),
      rediscover: () => cluster.refreshSlotsCache?.(() => undefined),
    }),
    checksRole: cluster === undefined,
    findsPrimary: cluster === undefined && Boolean((client as IoredisNode).options.sentinels),
    isKnown: (address) => !cluster || cluster.slots.some((owners) => owners?.[0] === address),
    isConnected: (address) => nodeAt(address)?.status === 'ready',
    async probe(address) {
      const node = nodeAt(address)
      if (!node) throw new Error(`${address} is not a node of the Cluster`)
      return askRole((command) => replyFrom(node, command))
    },
    bytesRead: (address) => nodeAt(address)?.stream?.bytesRead,
    reconnect(address) {
      const node = nodeAt(address)
      // Without a strategy, the client would end for good. A node of a Cluster is created anew.
      if (node && (cluster || typeof node.options.retryStrategy === 'function')) reconnect(node)
    },
  }
}

/**
 * Closes the socket; the client then reconnects by its own `retryStrategy`. Commands under way are
 * rejected first: ioredis would resend them over the new connection, long after they were reported
 * as failed.
 */
function reconnect(node: IoredisNode): void {
  if (node.status === 'ready')
    node.flushQueue?.(
      new Error('the driver closed the connection, which was silent or led to a replica'),
      { offlineQueue: false },
    )
  node.stream?.destroy()
}

/**
 * Handles the rejection of ASKING. On a redirection with ASK, ioredis sends this command to the
 * other node and ignores its promise. If the connection to that node ended before the reply, the
 * rejection would be unhandled, which ends a process of Node.
 */
function handleFailedAsking(node: IoredisNode): void {
  const { asking } = node as { asking?: (...args: unknown[]) => Promise<unknown> }
  if (!asking || handled.has(node)) return
  handled.add(node)
  Object.assign(node, {
    asking(...args: unknown[]) {
      const sent = asking.apply(node, args)
      sent.catch(() => undefined)
      return sent
    },
  })
}

const handled = new WeakSet<IoredisNode>()

function nodeOfCluster(cluster: IoredisCluster, address: string): IoredisNode | undefined {
  return cluster.nodes('master').find((node) => addressOf(node) === address)
}

/** Calls `ended` when a connection that does not reconnect has ended. */
export function onEnd(client: IoredisClient, ended: () => void): void {
  client.on('end', ended)
}

/**
 * Lets the process end while a client that the driver opened is connected, or waits until it
 * connects again. A Cluster has a client for each node.
 */
export function unrefConnections(client: IoredisNode | IoredisCluster): void {
  client.on('reconnecting', () => client.reconnectTimeout?.unref())
  if ('nodes' in client) client.on('+node', unrefConnections)
  else client.on('connect', () => client.stream?.unref?.())
}

function writeOne(client: IoredisClient, command: Command, index: number, settle: Settle): void {
  if (usesAutoPipelining(client)) return writeWithoutAutoPipelining(client, command, index, settle)
  const [name, ...args] = command.args
  const sent = command.binary ? client.callBuffer(name, args) : client.call(name, args)
  sent.then(
    (raw) => settle(index, replyOf(raw, command)),
    (error: unknown) => settle(index, errorOf(error, command)),
  )
}

function usesAutoPipelining({ options }: IoredisClient): boolean {
  return (options as { enableAutoPipelining?: boolean }).enableAutoPipelining === true
}

/**
 * Writes a command in a pipeline of its own, since `callBuffer` of ioredis does not work with
 * auto-pipelining. On a Cluster, a pipeline needs a key or a node.
 */
function writeWithoutAutoPipelining(
  client: IoredisClient,
  command: Command,
  index: number,
  settle: Settle,
): void {
  const { nodes } = client as Partial<IoredisCluster>
  const onNode =
    command.keys.length === 0 && nodes
      ? nodes.call(client as IoredisCluster, 'master')[0]
      : undefined
  void writeAll(
    onNode ?? client,
    [command],
    [0],
    (_, reply) => settle(index, reply),
    (error) => settle(index, errorOf(error, command)),
  )
}

/** Writes commands in one pipeline. `onError` handles a command that failed. */
async function writeAll(
  client: IoredisClient,
  commands: readonly Command[],
  indexes: readonly number[],
  settle: Settle,
  onError: (error: Error, index: number) => void,
): Promise<void> {
  const pipeline = (client as unknown as { pipeline(): Pipeline }).pipeline()
  for (const index of indexes) {
    const {
      args: [name, ...args],
      binary,
    } = commands[index]!
    if (binary) pipeline.callBuffer(name, args)
    else pipeline.call(name, args)
  }
  let results: [Error | null, unknown][] = []
  try {
    results = (await pipeline.exec()) ?? []
  } catch (error) {
    for (const index of indexes) onError(error as Error, index)
    return
  }
  for (const [i, index] of indexes.entries()) {
    const [error, raw] = results[i] ?? [new Error('the connection was lost'), undefined]
    if (error) onError(error, index)
    else settle(index, replyOf(raw, commands[index]!))
  }
}

/**
 * Writes once for each node, over the connection of the node. A pipeline of the Cluster itself
 * repeats all its commands elsewhere if one of them is redirected. Here, each redirected command is
 * written again separately, through the Cluster.
 */
function writeToCluster(
  cluster: IoredisCluster,
  combinedReads: CombinedReads,
  commands: readonly Command[],
  settle: Settle,
  isPending: (index: number) => boolean,
): void {
  const writeThroughCluster = (index: number): void =>
    writeOne(cluster, commands[index]!, index, settle)
  const byNode = groupBy(commands.keys(), (index) => {
    const { keys } = commands[index]!
    return keys.length === 0 ? undefined : cluster.slots[slot(keys[0]!)]?.[0]
  })
  byNode.get(undefined)?.forEach(writeThroughCluster)
  byNode.delete(undefined)
  const nodes = byNode.size === 0 ? [] : cluster.nodes('master')
  for (const [address, indexes] of byNode) {
    const node = nodes.find((candidate) => addressOf(candidate) === address)
    const readCombined = (index: number): void =>
      void combinedReads
        .read(
          commands[index]!,
          () => isPending(index),
          node?.status === 'ready' ? (command) => replyFrom(node, command) : undefined,
        )
        .then((reply) => settle(index, reply))
    const writeAlone = (index: number): void =>
      writeOne(
        node && !containsItsKey(commands[index]!) ? node : cluster,
        commands[index]!,
        index,
        settle,
      )
    let others: number[] = []
    const writeOthers = (): void => {
      if (node?.status !== 'ready' || others.length === 1) others.forEach(writeAlone)
      else if (others.length > 1)
        void writeAll(node, commands, others, settle, (error, index) => {
          if (/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(error.message)) writeThroughCluster(index)
          else settle(index, errorOf(error, commands[index]!))
        })
      others = []
    }
    for (const index of indexes)
      if (isCombined(commands[index]!)) {
        writeOthers()
        readCombined(index)
      } else others.push(index)
    writeOthers()
  }
}

/** Sends a command to a node. Never rejects. */
function replyFrom(node: IoredisNode, command: Command): Promise<CommandResult> {
  return new Promise((resolve) => writeOne(node, command, 0, (_, reply) => resolve(reply)))
}

export function addressOf({ options }: IoredisNode): string {
  return options.path ?? `${options.host ?? 'localhost'}:${options.port ?? 6379}`
}

/** Returns the server that a client is connected to. */
export function peerOf({
  stream,
}: IoredisNode): { readonly host: string; readonly port: number } | undefined {
  const { remoteAddress, remotePort } = stream ?? {}
  return remoteAddress !== undefined && remotePort !== undefined
    ? { host: remoteAddress, port: remotePort }
    : undefined
}

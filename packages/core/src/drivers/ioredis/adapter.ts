import { slot } from '../../client/keys.js'
import type { Settle } from '../driver.js'
import { namesItsKey, type Command } from '../command.js'
import { listenTo } from '../shared/client-events.js'
import type { IoredisClient, IoredisCluster, IoredisNode } from './client-shape.js'
import type { Wire } from '../shared/managed-connection.js'
import { errorOf, replyOf } from '../shared/replies.js'
import { askRole } from '../shared/role.js'

interface Pipeline {
  call(command: string, args: (string | Buffer)[]): unknown
  callBuffer(command: string, args: (string | Buffer)[]): unknown
  exec(): Promise<[error: Error | null, reply: unknown][] | null>
}

/**
 * So many are sent one by one: a pipeline answers when the last of its commands has been answered.
 */
const FEW = 8

/** ioredis' clients, as `Link` writes through them. */
export function ioredisWire(client: IoredisClient, cluster: IoredisCluster | undefined): Wire {
  let nodeEnded = -Infinity
  const nodeAt = (address: string): IoredisNode | undefined =>
    cluster ? nodeOfCluster(cluster, address) : (client as IoredisNode)
  return {
    // It is still 'ready' while its socket ends: what is written then goes into its offline queue.
    isReady: () => client.status === 'ready' && (client as IoredisNode).stream?.writable !== false,
    writesAtOnce: true,
    ended: () =>
      client.status === 'end'
        ? 'the ioredis client has ended: it was disconnected, or has given up reconnecting'
        : undefined,
    connect: () => {
      if (client.status === 'wait') client.connect().catch(() => undefined) // its 'close' or 'end' tells
    },
    watch({ ready, lost, trouble }) {
      const ofNodes = cluster && {
        '-node': () => {
          nodeEnded = performance.now()
        },
      }
      return listenTo(client, { error: trouble, ready, close: lost, end: lost, ...ofNodes })
    },
    write(commands, settle) {
      if (cluster) writeToCluster(cluster, commands, settle)
      else if (commands.length <= FEW)
        commands.forEach((command, place) => writeOne(client, command, place, settle))
      else
        void writeAll(
          client,
          commands,
          commands.map((_, place) => place),
          settle,
          (error, place) => settle(place, errorOf(error, commands[place]!)),
        )
    },

    ...(cluster && {
      // Of a Cluster, what a node did not answer is sent again once its connection has ended
      // (`retryDelayOnFailover`).
      sinceResend: () => performance.now() - nodeEnded,
      nodeOf: ({ keys }: Command) =>
        (keys.length > 0 ? cluster.slots[slot(keys[0]!)]?.[0] : undefined) ?? '',
      rediscover: () => cluster.refreshSlotsCache?.(() => undefined),
    }),
    checksRole: cluster === undefined,
    findsPrimary: cluster === undefined && Boolean((client as IoredisNode).options.sentinels),
    isKnown: (address) => !cluster || cluster.slots.some((owners) => owners?.[0] === address),
    isConnected: (address) => nodeAt(address)?.status === 'ready',
    async probe(address) {
      const node = nodeAt(address)
      if (!node) throw new Error(`${address} is no node of the Cluster`)
      return askRole(
        (command) =>
          new Promise((resolve) => writeOne(node, command, 0, (_, reply) => resolve(reply))),
      )
    },
    bytesRead: (address) => nodeAt(address)?.stream?.bytesRead,
    reconnect(address) {
      const node = nodeAt(address)
      // Without a strategy it would end for good. A node of a Cluster is made anew.
      if (node && (cluster || typeof node.options.retryStrategy === 'function')) reconnect(node)
    },
  }
}

/**
 * Ends the socket; the client goes on by its own `retryStrategy`. What is under way is rejected
 * first: ioredis would send it again on the new connection, long after its callers were told that
 * it failed.
 */
function reconnect(node: IoredisNode): void {
  if (node.status === 'ready')
    node.flushQueue?.(new Error('the connection was given up'), { offlineQueue: false })
  node.stream?.destroy()
}

function nodeOfCluster(cluster: IoredisCluster, address: string): IoredisNode | undefined {
  return cluster.nodes('master').find((node) => addressOf(node) === address)
}

/** Calls back once, when a connection that does not reconnect has ended. */
export function onEnd(client: IoredisClient, ended: () => void): void {
  client.on('end', ended)
}

function writeOne(client: IoredisClient, command: Command, place: number, settle: Settle): void {
  if (autoPipelines(client)) return writeWithoutAutoPipelining(client, command, place, settle)
  const [name, ...args] = command.args
  const sent = command.binary ? client.callBuffer(name, args) : client.call(name, args)
  sent.then(
    (raw) => settle(place, replyOf(raw, command)),
    (error: unknown) => settle(place, errorOf(error, command)),
  )
}

function autoPipelines({ options }: IoredisClient): boolean {
  return (options as { enableAutoPipelining?: boolean }).enableAutoPipelining === true
}

/**
 * ioredis breaks `callBuffer` under auto-pipelining; a pipeline of one goes past it. On a Cluster
 * it needs a key, or a node.
 */
function writeWithoutAutoPipelining(
  client: IoredisClient,
  command: Command,
  place: number,
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
    (_, reply) => settle(place, reply),
    (error) => settle(place, errorOf(error, command)),
  )
}

/** One pipeline. `failed` decides what becomes of a command that met an error. */
async function writeAll(
  client: IoredisClient,
  commands: readonly Command[],
  places: readonly number[],
  settle: Settle,
  failed: (error: Error, place: number) => void,
): Promise<void> {
  const pipeline = (client as unknown as { pipeline(): Pipeline }).pipeline()
  for (const place of places) {
    const {
      args: [name, ...args],
      binary,
    } = commands[place]!
    if (binary) pipeline.callBuffer(name, args)
    else pipeline.call(name, args)
  }
  let results: [Error | null, unknown][] = []
  try {
    results = (await pipeline.exec()) ?? []
  } catch (error) {
    for (const place of places) failed(error as Error, place)
    return
  }
  for (const [i, place] of places.entries()) {
    const [error, raw] = results[i] ?? [new Error('the connection was lost'), undefined]
    if (error) failed(error, place)
    else settle(place, replyOf(raw, commands[place]!))
  }
}

/**
 * One pipeline for each node, on the node's own connection. The Cluster's own pipelines repeat
 * themselves whole at wherever one command was sent on to; here each that was sent on goes again by
 * itself, through the Cluster.
 */
function writeToCluster(
  cluster: IoredisCluster,
  commands: readonly Command[],
  settle: Settle,
): void {
  const again = (place: number): void => writeOne(cluster, commands[place]!, place, settle)
  const byNode = new Map<string, number[]>()
  for (const [place, { keys }] of commands.entries()) {
    const owner = keys.length === 0 ? undefined : cluster.slots[slot(keys[0]!)]?.[0]
    const places = owner === undefined ? undefined : byNode.get(owner)
    if (owner === undefined) again(place)
    else if (places) places.push(place)
    else byNode.set(owner, [place])
  }
  const nodes = byNode.size === 0 ? [] : cluster.nodes('master')
  for (const [address, places] of byNode) {
    const node = nodes.find((one) => addressOf(one) === address)
    const together = places.length > 1 && node?.status === 'ready'
    if (!together)
      for (const place of places)
        writeOne(
          node && !namesItsKey(commands[place]!) ? node : cluster,
          commands[place]!,
          place,
          settle,
        )
    else {
      void writeAll(node, commands, places, settle, (error, place) => {
        if (/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(error.message)) again(place)
        else settle(place, errorOf(error, commands[place]!))
      })
    }
  }
}

export function addressOf({ options }: IoredisNode): string {
  return options.path ?? `${options.host ?? 'localhost'}:${options.port ?? 6379}`
}

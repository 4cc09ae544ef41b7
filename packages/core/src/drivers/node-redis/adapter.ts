import { slot } from '../../client/keys.js'
import type { CacheError } from '../../errors.js'
import type { CommandResult, Topology } from '../driver.js'
import { containsItsKey, type Command, type Reply } from '../command.js'
import type { ClientAdapter } from '../shared/client-adapter.js'
import { listenTo } from '../shared/client-events.js'
import { CombinedReads, isCombined } from '../shared/combined-reads.js'
import type {
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisPrimary,
  NodeRedisSentinel,
  NodeRedisStandalone,
} from './client-shape.js'
import { ReplaceableClient } from './replacement.js'
import { errorOf, replyOf } from '../shared/replies.js'
import { askRole } from '../shared/role.js'

/**
 * Maps the types of RESP3 to those of RESP2, as bytes, by their type bytes
 * (https://github.com/redis/redis-specifications): blob strings and verbatim strings are Buffers,
 * doubles and big numbers are text, maps are arrays.
 */
const AS_RESP2 = { 36: Buffer, 61: Buffer, 44: String, 40: String, 37: Array }

/** Adapts a client of node-redis for `ManagedConnection`. */
export function nodeRedisAdapter(client: NodeRedisClient, topology: Topology): ClientAdapter {
  const cluster = topology === 'cluster' ? (client as NodeRedisCluster) : undefined
  const combinedReads = new CombinedReads()
  let connecting = false
  let wasOpen = client.isOpen
  let events: { ready(): void; lost(): void; error(error: unknown): void } | undefined
  /** The database that was selected last, as far as the server has reported it. */
  let database: number | undefined
  /** When the client last reported that it could not connect, by `performance.now()`. */
  let lastErrorAt = -Infinity
  const replaceable = cluster
    ? undefined
    : new ReplaceableClient(client as NodeRedisStandalone, {
        ready: () => events?.ready(),
        lost: () => events?.lost(),
        error: (error) => events?.error(error),
      })
  const send = senderOf(client, topology, replaceable)
  const isReady = (): boolean => {
    const current = replaceable ? replaceable.current : client
    return current !== undefined && (current.isReady ?? (current.isOpen && !connecting))
  }
  const connect = async (): Promise<void> => {
    connecting = true
    try {
      await client.connect()
      wasOpen = true
      connecting = false
      events?.ready()
    } catch (error) {
      connecting = false
      events?.error(error)
    }
  }

  return {
    isReady,
    writesAtOnce: topology === 'standalone',
    ended: () =>
      wasOpen && !client.isOpen && !connecting ? 'the node-redis client is closed' : undefined,
    connect() {
      if (!client.isOpen && !connecting && !wasOpen) void connect()
    },
    watch(listener) {
      const { ready, lost } = listener
      events = listener
      const onError = (error: unknown): void => {
        lastErrorAt = performance.now()
        listener.error(error)
        // If there are many nodes, one of them may fail alone. Its commands are rejected one by
        // one.
        if (topology === 'standalone' && replaceable?.current === client && !isReady()) lost()
      }
      const onReady = (): void => {
        wasOpen = true
        if (isReady()) ready()
      }
      const stop = listenTo(client, { error: onError, ready: onReady, end: lost })
      return () => {
        events = undefined
        stop()
      }
    },
    write(commands, settle, signalOf, isPending) {
      const signal = signalOf()
      // `ManagedConnection` handles deadlines. A timer for each command would cost as much as the
      // command.
      const options = {
        typeMapping: AS_RESP2,
        timeout: undefined,
        ...(signal && { abortSignal: signal }),
      }
      const writeOne = (command: Command, index: number): void => {
        send(command, options).then(
          (raw) => settle(index, replyOf(raw, command)),
          (error: unknown) => {
            if (!isTryAgain(error)) settle(index, errorOf(error, command))
            else
              setTimeout(() => {
                if (isPending(index)) writeOne(command, index)
              }, TRY_AGAIN_PAUSE).unref()
          },
        )
      }
      if (!cluster) return commands.forEach(writeOne)
      for (const [index, command] of commands.entries()) {
        if (!isCombined(command)) {
          writeOne(command, index)
          continue
        }
        // Directly to the client of the node, it would overtake writes of earlier sends.
        const sendToNode = (script: Command): Promise<CommandResult> =>
          cluster.sendCommand(command.keys[0], false, script.args, options).then(
            (raw) => replyOf(raw, script),
            (error: unknown) => errorOf(error, script),
          )
        void combinedReads
          .read(command, () => isPending(index), sendToNode)
          .then((reply) => settle(index, reply))
      }
    },
    close: () => replaceable?.close(),

    ...(cluster && {
      nodeOf: ({ keys }: Command) => {
        const primary = keys.length > 0 ? primaryOf(cluster, keys[0]!) : undefined
        return primary ? addressOf(primary) : ''
      },
      groupReads: (keys: readonly string[]) =>
        combinedReads.group(keys, (key) => primaryOf(cluster, key)),
      rediscover: (isSilent) => rediscover(cluster, isSilent),
    }),
    checksRole: topology !== 'cluster',
    findsPrimary: false, // node-redis follows its Sentinels by itself
    isKnown: (address) => !cluster || primaryAt(cluster, address) !== undefined,
    isConnected: (address) =>
      cluster ? primaryAt(cluster, address)?.client?.isReady === true : isReady(),
    async probe(address) {
      const node = cluster && primaryAt(cluster, address)?.client
      if (cluster && !node) throw new Error(`${address} is not connected`)
      const sendProbe: Sender = node ? ({ args }, options) => node.sendCommand(args, options) : send
      const ask = (command: Command): Promise<Reply | CacheError> =>
        sendProbe(command, { timeout: undefined }).then(
          (raw) => replyOf(raw, command),
          (error: unknown) => errorOf(error, command),
        )
      if (topology === 'standalone')
        void ask(CLIENT_INFO).then((info) => {
          database = databaseIn(info) ?? database
        })
      return askRole(ask)
    },
    bytesRead: () => undefined,
    reconnect(address) {
      if (cluster) return reconnectNode(cluster, address)
      // The client is reconnecting by itself, which is faster than a duplicate.
      if (
        replaceable!.current === client &&
        !isReady() &&
        performance.now() - lastErrorAt < MAX_RETRY_PAUSE
      )
        return
      if (
        replaceable!.replace(HANDSHAKE_TIMEOUT, database) ||
        topology !== 'sentinel' ||
        connecting
      )
        return
      // A Sentinel client of node-redis 5 can't be duplicated, but it can be closed and connected
      // again.
      connecting = true
      events?.lost()
      Promise.resolve(client.destroy()).then(connect, connect)
    },
  }
}

function databaseIn(info: Reply | CacheError): number | undefined {
  const match = typeof info === 'string' ? /\bdb=(\d+)/.exec(info) : null
  return match ? Number(match[1]) : undefined
}

const CLIENT_INFO: Command = { args: ['CLIENT', 'INFO'], keys: [] }

/** Returns the primary that a key is on, as far as the client knows. */
function primaryOf(cluster: NodeRedisCluster, key: string): NodeRedisPrimary | undefined {
  return cluster.slots[slot(key)]?.master
}

function primaryAt(cluster: NodeRedisCluster, address: string): NodeRedisPrimary | undefined {
  return cluster.masters.find((primary) => addressOf(primary) === address)
}

function addressOf({ host, port }: NodeRedisPrimary): string {
  return `${host}:${port}`
}

/**
 * Asks a primary that is not silent for the owners of the slots. node-redis itself only asks after
 * a MOVED, which a silent primary does not send, and it waits for that node without a limit.
 */
function rediscover(cluster: NodeRedisCluster, isSilent: (node: string) => boolean): void {
  const slots = (cluster as { _slots?: { rediscover?(startWith: unknown): Promise<unknown> } })
    ._slots
  const connected = cluster.masters.filter(
    (primary) => primary.client?.isReady === true && !isSilent(addressOf(primary)),
  )
  const chosen = connected[Math.floor(Math.random() * connected.length)]
  if (chosen) slots?.rediscover?.(chosen.client).catch(() => undefined)
}

/** Removes the client of a node. node-redis opens another connection when it uses the node next. */
function reconnectNode(cluster: NodeRedisCluster, address: string): void {
  const primary = primaryAt(cluster, address)
  const { client } = primary ?? {}
  if (client?.isReady !== true) return
  ;(primary as { client: unknown }).client = undefined
  client.destroy()
}

/**
 * The longest pause between two attempts of the default strategy of node-redis, with a margin, in
 * ms.
 */
const MAX_RETRY_PAUSE = 3_000
/** Milliseconds for a connection and its handshake. */
const HANDSHAKE_TIMEOUT = 2_000

/**
 * Returns whether some keys of the slot are on one node, and some on another, for a short time.
 * ioredis retries by itself.
 */
function isTryAgain(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('TRYAGAIN')
}

const TRY_AGAIN_PAUSE = 20

type Sender = (command: Command, options: object) => Promise<unknown>

/** Returns a function that sends a command to a primary. */
function senderOf(
  client: NodeRedisClient,
  topology: Topology,
  replaceable: ReplaceableClient<NodeRedisStandalone> | undefined,
): Sender {
  switch (topology) {
    case 'cluster': {
      const cluster = client as NodeRedisCluster
      return (command, options) => {
        const {
          args,
          keys: [key],
        } = command
        const primary =
          key === undefined || containsItsKey(command) ? undefined : primaryOf(cluster, key)
        if (!primary) return cluster.sendCommand(key, false, args, options)
        return Promise.resolve(
          cluster.nodeClient(primary) as NodeRedisStandalone | Promise<NodeRedisStandalone>,
        ).then((node) => node.sendCommand(args, options))
      }
    }
    case 'sentinel':
      return ({ args }, options) =>
        (replaceable!.current as unknown as NodeRedisSentinel).sendCommand(false, args, options)
    default:
      return ({ args }, options) => replaceable!.current!.sendCommand(args, options)
  }
}

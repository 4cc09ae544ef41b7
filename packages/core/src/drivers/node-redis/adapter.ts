import { slot } from '../../client/keys.js'
import type { CacheError } from '../../errors.js'
import type { Topology } from '../driver.js'
import { namesItsKey, type Command, type Reply } from '../command.js'
import type { Wire } from '../shared/managed-connection.js'
import { listenTo } from '../shared/client-events.js'
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
 * Everything as RESP2 would have it, as bytes: by the type bytes of RESP3,
 * https://github.com/redis/redis-specifications. Blob strings and verbatim strings as Buffers,
 * doubles and big numbers as text, maps as arrays.
 */
const AS_RESP2 = { 36: Buffer, 61: Buffer, 44: String, 40: String, 37: Array }

/** node-redis' clients, as `Link` writes through them. */
export function nodeRedisWire(client: NodeRedisClient, topology: Topology): Wire {
  const cluster = topology === 'cluster' ? (client as NodeRedisCluster) : undefined
  let connecting = false
  let wasOpen = client.isOpen
  let tell: { ready(): void; lost(): void; trouble(error: unknown): void } | undefined
  /** The one that was selected last, as far as the server has said. */
  let database: number | undefined
  /** When the client said last that it could not connect, by `performance.now()`. */
  let troubled = -Infinity
  const replaceable = cluster
    ? undefined
    : new ReplaceableClient(client as NodeRedisStandalone, {
        ready: () => tell?.ready(),
        lost: () => tell?.lost(),
        trouble: (error) => tell?.trouble(error),
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
      tell?.ready()
    } catch (error) {
      connecting = false
      tell?.trouble(error)
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
    watch({ ready, lost, trouble }) {
      tell = { ready, lost, trouble }
      const onError = (error: unknown): void => {
        troubled = performance.now()
        trouble(error)
        // One node of many may fail alone; its commands are rejected one by one.
        if (topology === 'standalone' && replaceable?.current === client && !isReady()) lost()
      }
      const onReady = (): void => {
        wasOpen = true
        if (isReady()) ready()
      }
      const stop = listenTo(client, { error: onError, ready: onReady, end: lost })
      return () => {
        tell = undefined
        stop()
      }
    },
    write(commands, settle, signalOf, isOpen) {
      const signal = signalOf()
      // The link sees to deadlines; a timer for each command would cost as much as the command.
      const options = {
        typeMapping: AS_RESP2,
        timeout: undefined,
        ...(signal && { abortSignal: signal }),
      }
      const writeOne = (command: Command, place: number): void => {
        send(command, options).then(
          (raw) => settle(place, replyOf(raw, command)),
          (error: unknown) => {
            if (!isHalfMoved(error)) settle(place, errorOf(error, command))
            else
              setTimeout(() => {
                if (isOpen(place)) writeOne(command, place)
              }, HALF_MOVED_PAUSE).unref()
          },
        )
      }
      commands.forEach(writeOne)
    },
    close: () => replaceable?.close(),

    ...(cluster && {
      nodeOf: ({ keys }: Command) => {
        const primary = keys.length > 0 ? cluster.slots[slot(keys[0]!)]?.master : undefined
        return primary ? addressOf(primary) : ''
      },
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
      // It is reconnecting by itself, and will be sooner back.
      if (
        replaceable!.current === client &&
        !isReady() &&
        performance.now() - troubled < RETRIES_WITHIN
      )
        return
      if (replaceable!.replace(HANDSHAKE_WITHIN, database) || topology !== 'sentinel' || connecting)
        return
      // A Sentinel client of node-redis 5 can't be duplicated, but starts again.
      connecting = true
      tell?.lost()
      Promise.resolve(client.destroy()).then(connect, connect)
    },
  }
}

function databaseIn(info: Reply | CacheError): number | undefined {
  const found = typeof info === 'string' ? /\bdb=(\d+)/.exec(info) : null
  return found ? Number(found[1]) : undefined
}

const CLIENT_INFO: Command = { args: ['CLIENT', 'INFO'], keys: [] }

function primaryAt(cluster: NodeRedisCluster, address: string): NodeRedisPrimary | undefined {
  return cluster.masters.find((primary) => addressOf(primary) === address)
}

function addressOf({ host, port }: NodeRedisPrimary): string {
  return `${host}:${port}`
}

/**
 * Asks a primary that answers. node-redis by itself asks only after a MOVED, which one that is
 * silent does not send, and waits for whom it asks for good.
 */
function rediscover(cluster: NodeRedisCluster, isSilent: (node: string) => boolean): void {
  const slots = (cluster as { _slots?: { rediscover?(startWith: unknown): Promise<unknown> } })
    ._slots
  const connected = cluster.masters.filter(
    (primary) => primary.client?.isReady === true && !isSilent(addressOf(primary)),
  )
  const one = connected[Math.floor(Math.random() * connected.length)]
  if (one) slots?.rediscover?.(one.client).catch(() => undefined)
}

/** The client makes another connection to it when it is asked next. */
function reconnectNode(cluster: NodeRedisCluster, address: string): void {
  const primary = primaryAt(cluster, address)
  const { client } = primary ?? {}
  if (client?.isReady !== true) return
  ;(primary as { client: unknown }).client = undefined
  client.destroy()
}

/** The longest pause of node-redis' own strategy between two attempts, and a little. */
const RETRIES_WITHIN = 3_000
/** Ms for a connection and its handshake. */
const HANDSHAKE_WITHIN = 2_000

/**
 * Some keys of its slot are in one place, and some in another, for a moment. ioredis asks again by
 * itself.
 */
function isHalfMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('TRYAGAIN')
}

const HALF_MOVED_PAUSE = 20

type Sender = (command: Command, options: object) => Promise<unknown>

/** Always to a primary. */
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
          key === undefined || namesItsKey(command) ? undefined : cluster.slots[slot(key)]?.master
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

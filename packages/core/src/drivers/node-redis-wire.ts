import { slot } from '../keys.js'
import { namesItsKey, type Command, type Topology } from './driver.js'
import type { Wire } from './link.js'
import type { NodeRedisClient, NodeRedisCluster, NodeRedisSentinel, NodeRedisStandalone } from './node-redis-client.js'
import { errorOf, replyOf } from './replies.js'

/**
 * Everything as RESP2 would have it, as bytes: by the type bytes of RESP3, https://github.com/redis/redis-specifications.
 * Blob strings and verbatim strings as Buffers, doubles and big numbers as text, maps as arrays.
 */
const AS_RESP2 = { 36: Buffer, 61: Buffer, 44: String, 40: String, 37: Array }

/** node-redis' clients, as `Link` writes through them. */
export function nodeRedisWire(client: NodeRedisClient, topology: Topology): Wire {
  const send = senderOf(client, topology)
  let connecting = false
  let wasOpen = client.isOpen
  let tell: { ready(): void; trouble(error: unknown): void } | undefined
  const isReady = (): boolean => client.isReady ?? (client.isOpen && !connecting)

  return {
    isReady,
    ended: () => (wasOpen && !client.isOpen && !connecting ? 'the node-redis client is closed' : undefined),
    connect() {
      if (client.isOpen || connecting || wasOpen) return
      connecting = true
      client.connect().then(
        () => {
          connecting = false
          wasOpen = true
          tell?.ready()
        },
        (error: unknown) => {
          connecting = false
          tell?.trouble(error)
        },
      )
    },
    watch({ ready, lost, trouble }) {
      tell = { ready, trouble }
      const onError = (error: unknown): void => {
        trouble(error)
        // One node of many may fail alone; its commands are rejected one by one.
        if (topology === 'standalone' && !isReady()) lost()
      }
      const onReady = (): void => {
        wasOpen = true
        if (isReady()) ready()
      }
      client.on('error', onError)
      client.on('ready', onReady)
      client.on('end', lost)
      return () => {
        tell = undefined
        client.on('error', () => undefined) // the client stays open, and an 'error' nobody hears would end the process
        client.off('error', onError)
        client.off('ready', onReady)
        client.off('end', lost)
      }
    },
    write(commands, settle, signalOf, isOpen) {
      const signal = signalOf()
      // The link sees to deadlines; a timer for each command would cost as much as the command.
      const options = { typeMapping: AS_RESP2, timeout: undefined, ...(signal && { abortSignal: signal }) }
      const writeOne = (command: Command, place: number): void => {
        send(command, options).then(
          (raw) => settle(place, replyOf(raw, command)),
          (error: unknown) => {
            if (!isHalfMoved(error)) settle(place, errorOf(error, command))
            else setTimeout(() => { if (isOpen(place)) writeOne(command, place) }, HALF_MOVED_PAUSE).unref()
          },
        )
      }
      commands.forEach(writeOne)
    },
  }
}

/** Some keys of its slot are in one place, and some in another, for a moment. ioredis asks again by itself. */
function isHalfMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('TRYAGAIN')
}

const HALF_MOVED_PAUSE = 20

type Sender = (command: Command, options: object) => Promise<unknown>

/** Always to a primary. */
function senderOf(client: NodeRedisClient, topology: Topology): Sender {
  switch (topology) {
    case 'cluster': {
      const cluster = client as NodeRedisCluster
      return (command, options) => {
        const { args, keys: [key] } = command
        const primary = key === undefined || namesItsKey(command) ? undefined : cluster.slots[slot(key)]?.master
        if (!primary) return cluster.sendCommand(key, false, args, options)
        return Promise.resolve(cluster.nodeClient(primary) as NodeRedisStandalone | Promise<NodeRedisStandalone>).then((node) => node.sendCommand(args, options))
      }
    }
    case 'sentinel':
      return ({ args }, options) => (client as NodeRedisSentinel).sendCommand(false, args, options)
    default:
      return ({ args }, options) => (client as NodeRedisStandalone).sendCommand(args, options)
  }
}

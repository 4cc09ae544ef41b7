import { slot } from '../keys.js'
import type { Command, Reply } from './driver.js'
import type { CacheError } from '../errors.js'
import type { IoredisClient, IoredisCluster } from './ioredis.js'
import type { Wire } from './link.js'
import { errorOf, replyOf } from './replies.js'

type Settle = (place: number, reply: Reply | CacheError) => void

interface Pipeline {
  call(command: string, ...args: (string | Buffer)[]): unknown
  callBuffer(command: string, ...args: (string | Buffer)[]): unknown
  exec(): Promise<[error: Error | null, reply: unknown][] | null>
}

/** ioredis' clients, as `Link` writes through them. */
export function ioredisWire(client: IoredisClient, cluster: IoredisCluster | undefined): Wire {
  return {
    isReady: () => client.status === 'ready',
    ended: () => (client.status === 'end' ? 'the ioredis client has ended: it was disconnected, or has given up reconnecting' : undefined),
    connect: () => {
      if (client.status === 'wait') client.connect().catch(() => undefined) // its 'close' or 'end' tells
    },
    watch({ ready, lost, trouble }) {
      client.on('error', trouble)
      client.on('ready', ready)
      client.on('close', lost)
      client.on('end', lost)
      return () => {
        client.off('ready', ready)
        client.off('close', lost)
        client.off('end', lost)
      }
    },
    write(commands, settle) {
      if (cluster) writeToCluster(cluster, commands, settle)
      else if (commands.length === 1) writeOne(client, commands[0]!, 0, settle)
      else void writeAll(client, commands, commands.map((_, place) => place), settle, () => false)
    },
  }
}

/** Calls back once, when a connection that does not reconnect has ended. */
export function onEnd(client: IoredisClient, ended: () => void): void {
  client.on('end', ended)
}

function writeOne(client: IoredisClient, command: Command, place: number, settle: Settle): void {
  const [name, ...args] = command.args
  const sent = command.binary ? client.callBuffer(name, ...args) : client.call(name, ...args)
  sent.then((raw) => settle(place, replyOf(raw, command)), (error: unknown) => settle(place, errorOf(error, command)))
}

/** One pipeline. What `again` says of an error is sent once more by itself, which follows redirections. */
async function writeAll(client: IoredisClient, commands: readonly Command[], places: readonly number[], settle: Settle, again: (error: Error) => boolean): Promise<void> {
  const pipeline = (client as unknown as { pipeline(): Pipeline }).pipeline()
  for (const place of places) {
    const { args: [name, ...args], binary } = commands[place]!
    if (binary) pipeline.callBuffer(name, ...args)
    else pipeline.call(name, ...args)
  }
  let results: [Error | null, unknown][]
  try {
    results = (await pipeline.exec()) ?? []
  } catch (error) {
    // A pipeline that a Cluster refuses as a whole, its slots having moved, was not sent.
    const refused = /slots/.test((error as Error).message)
    for (const place of places) refused ? writeOne(client, commands[place]!, place, settle) : settle(place, errorOf(error, commands[place]!))
    return
  }
  for (const [i, place] of places.entries()) {
    const command = commands[place]!
    const [error, raw] = results[i] ?? [new Error('the connection was lost'), undefined]
    if (!error) settle(place, replyOf(raw, command))
    else if (again(error)) writeOne(client, command, place, settle)
    else settle(place, errorOf(error, command))
  }
}

function writeToCluster(cluster: IoredisCluster, commands: readonly Command[], settle: Settle): void {
  const nodes = new Map<string, number[]>()
  for (const [place, { keys }] of commands.entries()) {
    const owners = keys.length === 0 ? undefined : cluster.slots[slot(keys[0]!)]
    if (!owners) {
      writeOne(cluster, commands[place]!, place, settle)
      continue
    }
    const node = owners.join()
    const places = nodes.get(node)
    if (places) places.push(place)
    else nodes.set(node, [place])
  }
  for (const places of nodes.values()) {
    if (places.length === 1) writeOne(cluster, commands[places[0]!]!, places[0]!, settle)
    else void writeAll(cluster, commands, places, settle, redirected)
  }
}

function redirected(error: Error): boolean {
  return /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(error.message)
}

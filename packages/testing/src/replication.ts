import { sendCommand, sendCommands } from './command.js'
import type { RedisServer } from './redis-server.js'

/**
 * Returns whether each replica among these servers follows another of them and has acknowledged
 * every write of that server up to now.
 */
export async function areInSync(servers: readonly RedisServer[]): Promise<boolean> {
  const primaryPorts = (await Promise.all(servers.map((server) => followedPort(server)))).filter(
    (port) => port !== undefined,
  )
  const acknowledged = await Promise.all(
    servers.map((server) =>
      hasAcknowledgements(server, primaryPorts.filter((port) => port === server.port).length),
    ),
  )
  return (
    acknowledged.every(Boolean) &&
    primaryPorts.every((primaryPort) => servers.some(({ port }) => port === primaryPort))
  )
}

/** Returns the port of the primary that a server follows, or `undefined` for a primary. */
export async function followedPort(server: RedisServer): Promise<number | undefined> {
  const [role, , port] = (await sendCommand(server, ['ROLE'])) as [string, string, number]
  return role === 'slave' ? port : undefined
}

/** WAIT counts from the last command of its own connection, so a PING precedes it. */
async function hasAcknowledgements(primary: RedisServer, replicas: number): Promise<boolean> {
  if (replicas === 0) return true
  const [, acknowledged] = await sendCommands(primary, [['PING'], ['WAIT', replicas, 1_000]])
  return Number(acknowledged) >= replicas
}

/**
 * Lines of redis.conf for servers with replicas. With diskless synchronisation, a primary delays
 * writes after the first synchronisation until the replica reports, which takes up to a second. A
 * failover in that second loses writes although the servers claim to be in sync. With a file in
 * between, that does not happen.
 */
export const REPLICATION_CONFIG = { 'repl-diskless-sync': 'no' }

import { ask, askAll } from './command.js'
import type { RedisServer } from './redis-server.js'

/**
 * Whether each of these servers that is a replica follows another of them, and has all that was
 * written to that one until now.
 */
export async function areInSync(servers: readonly RedisServer[]): Promise<boolean> {
  const followed = (await Promise.all(servers.map((server) => followedPort(server)))).filter(
    (port) => port !== undefined,
  )
  const acknowledged = await Promise.all(
    servers.map((server) =>
      hasAcknowledgements(server, followed.filter((port) => port === server.port).length),
    ),
  )
  return (
    acknowledged.every(Boolean) &&
    followed.every((followedOne) => servers.some(({ port }) => port === followedOne))
  )
}

/** Of the primary that a server follows. */
export async function followedPort(server: RedisServer): Promise<number | undefined> {
  const [role, , port] = (await ask(server, ['ROLE'])) as [string, string, number]
  return role === 'slave' ? port : undefined
}

/** WAIT counts from the last command of its own connection, hence the PING. */
async function hasAcknowledgements(primary: RedisServer, replicas: number): Promise<boolean> {
  if (replicas === 0) return true
  const [, acknowledged] = await askAll(primary, [['PING'], ['WAIT', replicas, 1_000]])
  return Number(acknowledged) >= replicas
}

/**
 * For redis.conf of servers with replicas. Without a file in between, a primary holds writes back
 * after a first synchronisation until the replica reports, which takes up to a second: a failover
 * in that second loses what was written to servers that claim to be in sync. With a file, it does
 * not.
 */
export const REPLICATION_CONFIG = { 'repl-diskless-sync': 'no' }

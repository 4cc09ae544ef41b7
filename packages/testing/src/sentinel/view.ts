import { sendCommand, sendCommands } from '../command.js'
import type { RedisServer } from '../redis-server.js'
import { areInSync, followedPort } from '../replication.js'
import { NAME } from './launch.js'

/**
 * Returns the server that all these Sentinels name as the primary, if all is well: the Sentinels
 * trust the servers, no failover is in progress, and the other servers are in sync with the
 * primary.
 *
 * @throws {Error} that says what is not well.
 */
export async function agreedPrimary(
  sentinels: readonly RedisServer[],
  servers: readonly RedisServer[],
): Promise<RedisServer> {
  const primary = await namedPrimary(sentinels, servers)
  for (const server of servers) {
    const followed = server === primary ? primary.port : await followedPort(server)
    if (followed !== primary.port)
      throw new Error(
        `The server on port ${server.port} follows ${followed ?? 'nobody'}, not ${primary.port}.`,
      )
  }
  if (!(await areInSync(servers)))
    throw new Error(`Not all replicas of ${primary.port} are in sync.`)
  await Promise.all(sentinels.map((sentinel) => assertHealthy(sentinel, servers)))
  return primary
}

/** Returns the server that all these Sentinels name, if that server reports to be a primary. */
export async function namedPrimary(
  sentinels: readonly RedisServer[],
  servers: readonly RedisServer[],
): Promise<RedisServer> {
  const ports = new Set(await Promise.all(sentinels.map((sentinel) => namedPort(sentinel))))
  const primary = servers.find(({ port }) => ports.size === 1 && ports.has(port))
  if (primary === undefined) {
    const running = servers.map(({ port }) => port).join(', ')
    throw new Error(`The Sentinels name ${[...ports].join(' and ')}; running are ${running}.`)
  }
  const followed = await followedPort(primary)
  if (followed !== undefined)
    throw new Error(`The Sentinels name ${primary.port}, which follows ${followed}.`)
  return primary
}

async function namedPort(sentinel: RedisServer): Promise<number> {
  const [, port] = (await sendCommand(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])) as [
    string,
    string,
  ]
  return Number(port)
}

/**
 * Throws unless a Sentinel could handle a failure right now:
 *
 * - No failover is in progress. If the promoted replica died before the end of a failover, this
 *   Sentinel would name it forever (seen with 7.0).
 * - The Sentinel trusts each running replica. Otherwise it would not promote it.
 * - The Sentinel knows that each of them is a replica. If it still takes one for a primary, as
 *   after the restart of a former primary, it undoes the promotion, and the failover starts again
 *   after twice its timeout.
 */
async function assertHealthy(
  sentinel: RedisServer,
  servers: readonly RedisServer[],
): Promise<void> {
  const [primary, replicas] = (await sendCommands(sentinel, [
    ['SENTINEL', 'MASTER', NAME],
    ['SENTINEL', 'REPLICAS', NAME],
  ])) as [string[], string[][]]
  const flags = field(primary, 'flags')
  if (flags !== 'master') throw new Error(`A Sentinel reports for the primary: ${flags}.`)
  for (const { port } of servers) {
    const replica = replicas.find((entry) => field(entry, 'port') === String(port))
    if (replica === undefined) continue
    const state = `${field(replica, 'flags')}, reported as ${field(replica, 'role-reported')}`
    if (state !== 'slave, reported as slave')
      throw new Error(`A Sentinel reports for the replica on port ${port}: ${state}.`)
  }
}

/** Returns a field of a reply that lists names and values in turn. */
function field(reply: readonly string[], name: string): string | undefined {
  return reply[reply.indexOf(name) + 1]
}

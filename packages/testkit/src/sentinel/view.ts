import { ask, askAll } from '../command.js'
import type { RedisServer } from '../redis-server.js'
import { areInSync, followedPort } from '../replication.js'
import { NAME } from './launch.js'

/**
 * The server that all these Sentinels name, if all is well: no doubts, no failover under way, the
 * other servers in sync with it.
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
  await Promise.all(sentinels.map((sentinel) => refuseDoubts(sentinel, servers)))
  return primary
}

/** The server that all these Sentinels name, if it takes itself for a primary. */
export async function namedPrimary(
  sentinels: readonly RedisServer[],
  servers: readonly RedisServer[],
): Promise<RedisServer> {
  const ports = new Set(await Promise.all(sentinels.map((sentinel) => namedPort(sentinel))))
  const primary = servers.find(({ port }) => ports.size === 1 && ports.has(port))
  if (primary === undefined)
    throw new Error(
      `The Sentinels name ${[...ports].join(' and ')}; running are ${servers.map(({ port }) => port).join(', ')}.`,
    )
  const followed = await followedPort(primary)
  if (followed !== undefined)
    throw new Error(`The Sentinels name ${primary.port}, which follows ${followed}.`)
  return primary
}

async function namedPort(sentinel: RedisServer): Promise<number> {
  const [, port] = (await ask(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])) as [
    string,
    string,
  ]
  return Number(port)
}

/**
 * Throws unless a Sentinel could act on a failure right now:
 *
 * - No failover is under way. Should the promoted replica die before its end, this Sentinel would
 *   name it for ever (seen with 7.0).
 * - It trusts each running replica, which it would not promote otherwise.
 * - It knows that each of them is a replica. If it still takes one for a primary, as after the
 *   restart of a former primary, it undoes its promotion, and the failover starts over when its
 *   timeout has passed twice.
 */
async function refuseDoubts(sentinel: RedisServer, servers: readonly RedisServer[]): Promise<void> {
  const [primary, replicas] = (await askAll(sentinel, [
    ['SENTINEL', 'MASTER', NAME],
    ['SENTINEL', 'REPLICAS', NAME],
  ])) as [string[], string[][]]
  const flags = field(primary, 'flags')
  if (flags !== 'master') throw new Error(`A Sentinel says of the primary: ${flags}.`)
  for (const { port } of servers) {
    const replica = replicas.find((one) => field(one, 'port') === String(port))
    if (replica === undefined) continue
    const said = `${field(replica, 'flags')}, reported as ${field(replica, 'role-reported')}`
    if (said !== 'slave, reported as slave')
      throw new Error(`A Sentinel says of the replica on port ${port}: ${said}.`)
  }
}

/** Of a reply that lists names and values in turn. */
function field(reply: readonly string[], name: string): string | undefined {
  return reply[reply.indexOf(name) + 1]
}

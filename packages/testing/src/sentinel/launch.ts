import { randomBytes } from 'node:crypto'
import { sendCommand } from '../command.js'
import type { Machine } from '../machine/machine.js'
import type { RedisServer } from '../redis-server.js'
import { REPLICATION_CONFIG } from '../replication.js'
import { launchServer, launchTogether } from '../server.js'

/** The name under which the Sentinels monitor the primary. */
export const NAME = 'primary'

export type Servers = readonly [primary: RedisServer, ...replicas: RedisServer[]]

export async function launchServers(
  machine: Machine,
  replicas: number,
  config: Readonly<Record<string, string>>,
): Promise<Servers> {
  const replicating = { ...REPLICATION_CONFIG, ...config }
  const primary = await launchServer(machine, { config: replicating })
  const replicated = { ...replicating, replicaof: `${primary.host} ${primary.port}` }
  try {
    return [
      primary,
      ...(await launchTogether(
        Array.from({ length: replicas }, () => launchServer(machine, { config: replicated })),
      )),
    ]
  } catch (error) {
    await primary.stop()
    throw error
  }
}

/**
 * Starts Sentinels that know each other from their configuration. They would also discover each
 * other through the primary, but only after seconds.
 */
export async function launchSentinels(
  machine: Machine,
  servers: Servers,
  count: number,
  downAfter: number,
): Promise<readonly RedisServer[]> {
  const members: { readonly id: string; readonly port: number }[] = []
  const quorum = Math.floor(count / 2) + 1
  for (let index = 0; index < count; index++)
    members.push({ id: randomBytes(20).toString('hex'), port: await machine.freePort() })
  const [primary, ...replicas] = servers
  const sentinels = await launchTogether(
    members.map((myself) =>
      launchServer(machine, {
        sentinel: true,
        port: myself.port,
        config: {
          'sentinel myid': myself.id,
          'sentinel monitor': `${NAME} ${primary.host} ${primary.port} ${quorum}`,
          'sentinel down-after-milliseconds': `${NAME} ${downAfter}`,
          // After a failed failover, the next attempt waits for twice this time.
          'sentinel failover-timeout': `${NAME} 5000`,
          ...knownPeers(
            'replica',
            replicas.map(({ port }) => `${port}`),
          ),
          ...knownPeers(
            'sentinel',
            members.filter((member) => member !== myself).map(({ id, port }) => `${port} ${id}`),
          ),
        },
      }),
    ),
  )
  await Promise.all(sentinels.map((sentinel) => shortenPeriods(sentinel)))
  return sentinels
}

/**
 * Shortens the intervals of a Sentinel. By default it pings once a second and looks for changes
 * every ten, and a server it has just met counts as down if `downAfter` ends before the first ping.
 * Redis before 7.0 rejects the command, and keeps the default intervals.
 */
async function shortenPeriods(sentinel: RedisServer): Promise<void> {
  const periods = Object.entries(PERIODS).flat()
  await sendCommand(sentinel, ['SENTINEL', 'DEBUG', ...periods]).catch(() => undefined)
}

const PERIODS = {
  // While the primary is down, a Sentinel promotes only a replica that sent INFO within five
  // periods, and asks for INFO once a second.
  'PING-PERIOD': 300,
  'INFO-PERIOD': 500,
  'ASK-PERIOD': 200,
  // After four periods, a Sentinel demotes a returning primary, and a replica that was promoted by
  // a failover it does not know. Four periods are long enough to hear of the failover first.
  'PUBLISH-PERIOD': 500,
  'SLAVE-RECONF-TIMEOUT': 1_000,
  'ELECTION-TIMEOUT': 1_000,
  // After a pause of the machine, Sentinels wait for news before they declare a server down.
  'TILT-TRIGGER': 500,
  'TILT-PERIOD': 1_000,
}

function knownPeers(
  kind: 'replica' | 'sentinel',
  endpoints: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    endpoints.map((endpoint) => [`sentinel known-${kind} ${NAME} 127.0.0.1 ${endpoint}`, ' ']),
  )
}

import { randomBytes } from 'node:crypto'
import { ask } from '../command.js'
import type { Machine } from '../machine/machine.js'
import type { RedisServer } from '../redis-server.js'
import { REPLICATION_CONFIG } from '../replication.js'
import { launchServer, launchTogether } from '../server.js'

/** What Sentinels call the primary. */
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
 * Each is told of all others beforehand: they would find each other through the primary, but only
 * after seconds.
 */
export async function launchSentinels(
  machine: Machine,
  servers: Servers,
  count: number,
  downAfter: number,
): Promise<readonly RedisServer[]> {
  const members: { readonly id: string; readonly port: number }[] = []
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
          'sentinel monitor': `${NAME} ${primary.host} ${primary.port} ${Math.floor(count / 2) + 1}`,
          'sentinel down-after-milliseconds': `${NAME} ${downAfter}`,
          // After a failover that did not succeed, the next attempt waits for twice this long.
          'sentinel failover-timeout': `${NAME} 5000`,
          ...known(
            'replica',
            replicas.map(({ port }) => `${port}`),
          ),
          ...known(
            'sentinel',
            members.filter((member) => member !== myself).map(({ id, port }) => `${port} ${id}`),
          ),
        },
      }),
    ),
  )
  await Promise.all(sentinels.map((sentinel) => hurry(sentinel)))
  return sentinels
}

/**
 * Sentinels ping once a second and look around every ten; a server they have just met counts as
 * down if `downAfter` ends before the first ping. Since Redis 7.0 they can be made to look more
 * often; older ones take their time.
 */
async function hurry(sentinel: RedisServer): Promise<void> {
  await ask(sentinel, ['SENTINEL', 'DEBUG', ...Object.entries(PACE).flat()]).catch(() => undefined)
}

const PACE = {
  // While the primary is down, only a replica that sent INFO within five periods can be promoted,
  // and it is asked for INFO once a second.
  'PING-PERIOD': 300,
  'INFO-PERIOD': 500,
  'ASK-PERIOD': 200,
  // A returning primary is demoted, and a replica that an unknown failover promoted is too, after
  // four periods: long enough to hear of the failover first.
  'PUBLISH-PERIOD': 500,
  'SLAVE-RECONF-TIMEOUT': 1_000,
  'ELECTION-TIMEOUT': 1_000,
  // After a pause of the machine, Sentinels wait for news before they take anybody for dead.
  'TILT-TRIGGER': 500,
  'TILT-PERIOD': 1_000,
}

function known(what: 'replica' | 'sentinel', places: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    places.map((place) => [`sentinel known-${what} ${NAME} 127.0.0.1 ${place}`, ' ']),
  )
}

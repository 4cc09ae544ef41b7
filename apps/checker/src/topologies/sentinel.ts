import { startRedisSentinel } from '@cache/testkit'
import { openProxies } from './open-proxies.js'
import type { Topology } from './topology.js'
import { killInSync } from './kill-in-sync.js'

/** In ms. Longer than a fault silences a server, so that a failover happens only on command. */
const DOWN_AFTER = 3_000

/** Starts a primary with two replicas, monitored by three Sentinels. */
export async function sentinel(): Promise<Topology> {
  const servers = await startRedisSentinel({ replicas: 2, sentinels: 3, downAfter: DOWN_AFTER })
  return {
    servers: [servers.primary, ...servers.replicas],
    get primaries() {
      return [servers.primary]
    },
    clock: false,
    open: (library) =>
      openProxies('sentinel', library, [servers.primary, ...servers.replicas], servers.addresses),
    failover: async () => {
      const { primary, replicas } = servers
      await killInSync(primary, replicas) // All replicas, because any of them may be promoted.
      await servers.ready()
      // The restarted server acts as a primary until it is demoted, so no client may reach it.
      await primary.restart()
      await primary.cli('REPLICAOF', servers.primary.host, servers.primary.port)
      await servers.ready()
    },
    [Symbol.asyncDispose]: () => servers.stop(),
  }
}

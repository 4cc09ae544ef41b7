import { setTimeout as sleep } from 'node:timers/promises'
import { slot, type ResilienceOptions } from '@cache/core'
import { startRedisCluster, type ClusterNode, type RedisCluster } from '@cache/testkit'
import type { Library } from '../clients.js'
import type { Pace, WorkloadReport } from '../run-workloads.js'
import { runWithFault, SILENT_AFTER_REPLACEMENT, untilPrimary, type Fault } from './fault.js'

/** Milliseconds of writes that a replica has not received when it takes over. */
const REPLICATION_LAG = 500
/** The number of used slots that move. */
const SLOTS = 60

/** The Cluster notices by itself that a primary has died, and promotes its replica. */
export const primaryKilled: Fault = {
  name: 'Cluster: a primary is killed',
  losesWrites: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, (cluster) => killPrimary(cluster, 0)),
}

/**
 * Like `primaryKilled`, but the primary has acknowledged writes that its replica did not receive.
 */
export const primaryKilledAhead: Fault = {
  name: `Cluster: a primary is killed, its replica ${REPLICATION_LAG} ms behind`,
  losesWrites: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, (cluster) => killPrimary(cluster, REPLICATION_LAG)),
}

/** Slots of used keys move one after the other. Each stays half moved for a while. */
export const slotsMove: Fault = {
  name: 'Cluster: slots move',
  losesWrites: false,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 0, pace, resilience, async (cluster) => {
      const [from, to] = cluster.primaries as [
        RedisCluster['primaries'][number],
        RedisCluster['primaries'][number],
      ]
      const keys = String(await from.cli('KEYS', 'trial:*'))
        .split('\n')
        .filter((key) => key !== '')
      for (const usedSlot of [...new Set(keys.map(slot))].slice(0, SLOTS)) {
        await cluster.migrateSlot(usedSlot, from, to, {
          stopHalfway: true,
          moving: () => Math.random() < 0.5,
        })
        await sleep(10)
        await cluster.migrateSlot(usedSlot, from, to)
      }
    }),
}

export const clusterSilent: Fault = {
  name: 'Cluster: a primary is silent, replaced, and wakes',
  losesWrites: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, async (cluster) => {
      const silent = cluster.primaries[0]!
      const replica = await replicaOf(cluster, silent)
      await silent.pause()
      await untilPrimary(replica)
      await sleep(SILENT_AFTER_REPLACEMENT)
      await silent.resume()
      await cluster.ready()
    }),
}

export const clusterDemoted: Fault = {
  name: 'Cluster: a primary is demoted',
  long: true,
  losesWrites: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, async (cluster) => {
      const replica = await replicaOf(cluster, cluster.primaries[0]!)
      await replica.cli('CLUSTER', 'FAILOVER')
      await untilPrimary(replica)
      await cluster.ready()
    }),
}

async function killPrimary(cluster: RedisCluster, lag: number): Promise<void> {
  const dead = cluster.primaries[0]!
  const replica = await replicaOf(cluster, dead)
  if (lag > 0) {
    await replica.pause()
    // A paused replica would still receive writes in its socket, so its connection has to end.
    await dead.cli('CLIENT', 'KILL', 'TYPE', 'replica')
    await sleep(lag)
  }
  await dead.kill()
  if (lag > 0) await replica.resume()
  await untilPrimary(replica)
  // The restarted server becomes a replica of the new primary.
  await dead.restart()
  await cluster.ready()
}

async function replicaOf(cluster: RedisCluster, primary: ClusterNode): Promise<ClusterNode> {
  for (const replica of cluster.replicas)
    if ((await replica.cli('ROLE')).split('\n').includes(String(primary.port))) return replica
  throw new Error(`The primary on port ${primary.port} has no replica.`)
}

async function onCluster(
  library: Library,
  replicasPerPrimary: number,
  pace: Pace | undefined,
  resilience: ResilienceOptions | undefined,
  inject: (cluster: RedisCluster) => Promise<void>,
): Promise<readonly WorkloadReport[]> {
  await using cluster = await startRedisCluster({
    primaries: 3,
    replicasPerPrimary,
    config: { 'cluster-node-timeout': '1000' },
  })
  return await runWithFault(
    [
      library.cluster(cluster.addresses, resilience),
      library.cluster(cluster.addresses, resilience),
    ],
    replicasPerPrimary,
    pace,
    () => inject(cluster),
  )
}

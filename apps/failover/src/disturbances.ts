import { setTimeout as sleep } from 'node:timers/promises'
import { slot, type ResilienceOptions } from '@cache/core'
import {
  eventually,
  startCluster,
  startProxy,
  startRedis,
  startSentinel,
  type ClusterNode,
  type RedisCluster,
  type RedisSentinel,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { drive, type Course, type Pace } from './drive.js'
import type { Connected, Library } from './clients.js'
import { allTrials } from './trials/all.js'

/** Ms of writes that a replica has not heard of when it takes over. */
const BEHIND = 500
/** Ms for which a primary that is silent stays so, once another one has taken its place. */
const ASLEEP = 1_500
/** So many of those in use move. */
const SLOTS = 60

/** Something that happens to servers at work. */
export interface Disturbance {
  readonly name: string
  /** Whether a server dies, with what only it knew. */
  readonly loses: boolean
  /** Whether other primaries are there all the time. */
  readonly leavesOthers: boolean
  /** Only the long form of the tests has it. */
  readonly long?: boolean
  /** `resilience`: of the clients; otherwise as it is for everybody. */
  run(library: Library, pace?: Pace, resilience?: ResilienceOptions): Promise<readonly Course[]>
}

/** The Cluster notices by itself that a primary has died, and promotes its replica. */
const primaryKilled: Disturbance = {
  name: 'Cluster: a primary is killed',
  loses: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, (cluster) => killPrimary(cluster, 0)),
}

/** As above, of a primary that has acknowledged what its replica had no time to hear. */
const primaryKilledAhead: Disturbance = {
  name: `Cluster: a primary is killed, its replica ${BEHIND} ms behind`,
  loses: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, (cluster) => killPrimary(cluster, BEHIND)),
}

async function killPrimary(cluster: RedisCluster, behind: number): Promise<void> {
  const dead = cluster.primaries[0]!
  const replica = await replicaOf(cluster, dead)
  if (behind > 0) {
    await replica.pause()
    // what was sent to one that is paused would still reach it
    await dead.cli('CLIENT', 'KILL', 'TYPE', 'replica')
    await sleep(behind)
  }
  await dead.kill()
  if (behind > 0) await replica.resume()
  await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), {
    within: 30_000,
    every: 50,
  })
  await dead.restart() // as a replica of the one that took its place
  await cluster.ready()
}

async function replicaOf(cluster: RedisCluster, primary: ClusterNode): Promise<ClusterNode> {
  for (const replica of cluster.replicas)
    if ((await replica.cli('ROLE')).split('\n').includes(String(primary.port))) return replica
  throw new Error(`the primary on port ${primary.port} has no replica`)
}

/**
 * Slots of keys in use move, one after the other; each stays half moved for a while, some with
 * their keys in both places.
 */
const slotsMove: Disturbance = {
  name: 'Cluster: slots move',
  loses: false,
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
      for (const moved of [...new Set(keys.map(slot))].slice(0, SLOTS)) {
        await cluster.migrateSlot(moved, from, to, {
          stopHalfway: true,
          moving: () => Math.random() < 0.5,
        })
        await sleep(10)
        await cluster.migrateSlot(moved, from, to)
      }
    }),
}

const sentinelFailover: Disturbance = {
  name: 'Sentinel: the primary is killed',
  loses: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onSentinel(library, pace, resilience, async (sentinel) => {
      const dead = sentinel.primary
      await dead.kill()
      await sentinel.failover()
      await dead.restart()
      await sentinel.ready()
    }),
}

/**
 * Nobody hears of it: connections stay open, and nothing comes. When it wakes, it takes itself for
 * the primary until it is told otherwise.
 */
const sentinelSilent: Disturbance = {
  name: 'Sentinel: the primary is silent, replaced, and wakes',
  loses: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onSentinel(library, pace, resilience, async (sentinel) => {
      const [silent, replica] = [sentinel.primary, sentinel.replicas[0]!]
      await silent.pause()
      await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), {
        within: 30_000,
        every: 50,
      })
      await sleep(ASLEEP)
      await silent.resume()
      await sentinel.ready()
    }),
}

const sentinelDemoted: Disturbance = {
  name: 'Sentinel: the primary is demoted',
  long: true,
  loses: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onSentinel(library, pace, resilience, async (sentinel) => {
      await sentinel.failover()
      await sentinel.ready()
    }),
}

const clusterSilent: Disturbance = {
  name: 'Cluster: a primary is silent, replaced, and wakes',
  loses: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, async (cluster) => {
      const silent = cluster.primaries[0]!
      const replica = await replicaOf(cluster, silent)
      await silent.pause()
      await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), {
        within: 30_000,
        every: 50,
      })
      await sleep(ASLEEP)
      await silent.resume()
      await cluster.ready()
    }),
}

const clusterDemoted: Disturbance = {
  name: 'Cluster: a primary is demoted',
  long: true,
  loses: true,
  leavesOthers: true,
  run: (library, pace, resilience) =>
    onCluster(library, 1, pace, resilience, async (cluster) => {
      const replica = await replicaOf(cluster, cluster.primaries[0]!)
      await replica.cli('CLUSTER', 'FAILOVER')
      await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), {
        within: 30_000,
        every: 50,
      })
      await cluster.ready()
    }),
}

/**
 * A name or an address that leads to another server from now on; connections that are open stay
 * with the old one.
 */
const addressSilent: Disturbance = {
  name: 'One address: the primary is silent, replaced, and wakes',
  long: true,
  loses: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onAddress(library, pace, resilience, async (proxy, primary, replica) => {
      await primary.pause()
      await sleep(ASLEEP)
      await replica.cli('REPLICAOF', 'NO', 'ONE')
      proxy.retarget(replica)
      await sleep(ASLEEP)
      await primary.resume()
      await demote(primary, replica)
      await inSync(primary)
    }),
}

const addressDemoted: Disturbance = {
  name: 'One address: the primary is demoted',
  loses: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onAddress(library, pace, resilience, async (proxy, primary, replica) => {
      await replica.cli('REPLICAOF', 'NO', 'ONE')
      await demote(primary, replica)
      proxy.retarget(replica)
      await inSync(primary)
    }),
}

export const disturbances: readonly Disturbance[] = [
  slotsMove,
  primaryKilled,
  primaryKilledAhead,
  sentinelFailover,
  sentinelSilent,
  sentinelDemoted,
  clusterSilent,
  clusterDemoted,
  addressSilent,
  addressDemoted,
]

async function demote(server: RedisServer, primary: RedisServer): Promise<void> {
  await server.cli('REPLICAOF', primary.host, primary.port)
}

async function inSync(replica: RedisServer): Promise<void> {
  await eventually(async () => (await replica.cli('ROLE')).split('\n').includes('connected'), {
    within: 30_000,
    every: 50,
  })
}

async function onAddress(
  library: Library,
  pace: Pace | undefined,
  resilience: ResilienceOptions | undefined,
  disturb: (proxy: TcpProxy, primary: RedisServer, replica: RedisServer) => Promise<void>,
): Promise<readonly Course[]> {
  await using primary = await startRedis()
  await using replica = await startRedis()
  await demote(replica, primary)
  await inSync(replica)
  await using proxy = await startProxy(primary)
  return await between(
    [library.standalone(proxy, resilience), library.standalone(proxy, resilience)],
    1,
    pace,
    () => disturb(proxy, primary, replica),
  )
}

async function onSentinel(
  library: Library,
  pace: Pace | undefined,
  resilience: ResilienceOptions | undefined,
  disturb: (sentinel: RedisSentinel) => Promise<void>,
): Promise<readonly Course[]> {
  await using sentinel = await startSentinel({ replicas: 1, sentinels: 3, downAfter: 1_000 })
  return await between(
    [library.sentinel(sentinel, resilience), library.sentinel(sentinel, resilience)],
    1,
    pace,
    () => disturb(sentinel),
  )
}

async function onCluster(
  library: Library,
  replicasPerPrimary: number,
  pace: Pace | undefined,
  resilience: ResilienceOptions | undefined,
  disturb: (cluster: RedisCluster) => Promise<void>,
): Promise<readonly Course[]> {
  await using cluster = await startCluster({
    primaries: 3,
    replicasPerPrimary,
    config: { 'cluster-node-timeout': '1000' },
  })
  return await between(
    [
      library.cluster(cluster.addresses, resilience),
      library.cluster(cluster.addresses, resilience),
    ],
    replicasPerPrimary,
    pace,
    () => disturb(cluster),
  )
}

async function between(
  [one, other]: readonly [Connected, Connected],
  replicas: number,
  pace: Pace | undefined,
  disturb: () => Promise<void>,
): Promise<readonly Course[]> {
  try {
    return await drive(await allTrials([one.client, other.client], { replicas }), disturb, pace)
  } finally {
    await Promise.all([one.close(), other.close()])
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { slot, type ResilienceOptions } from '@cache/core'
import { eventually, startCluster, startSentinel, type ClusterNode, type RedisCluster } from '@cache/testkit'
import { drive, type Course, type Pace } from './drive.js'
import type { Connected, Library } from './clients.js'
import { allTrials } from './trials/all.js'

/** Ms of writes that a replica has not heard of when it takes over. */
const BEHIND = 500
/** So many of those in use move. */
const SLOTS = 60

/** Something that happens to servers at work. */
export interface Disturbance {
  readonly name: string
  /** Whether a server dies, with what only it knew. */
  readonly loses: boolean
  /** Whether other primaries are there all the time. */
  readonly leavesOthers: boolean
  /** `resilience`: of the clients; otherwise as it is for everybody. */
  run(library: Library, pace?: Pace, resilience?: ResilienceOptions): Promise<readonly Course[]>
}

/** The Cluster notices by itself that a primary has died, and promotes its replica. */
const primaryKilled: Disturbance = {
  name: 'Cluster: a primary is killed',
  loses: true,
  leavesOthers: true,
  run: (library, pace, resilience) => onCluster(library, 1, pace, resilience, (cluster) => killPrimary(cluster, 0)),
}

/** As above, of a primary that has acknowledged what its replica had no time to hear. */
const primaryKilledAhead: Disturbance = {
  name: `Cluster: a primary is killed, its replica ${BEHIND} ms behind`,
  loses: true,
  leavesOthers: true,
  run: (library, pace, resilience) => onCluster(library, 1, pace, resilience, (cluster) => killPrimary(cluster, BEHIND)),
}

async function killPrimary(cluster: RedisCluster, behind: number): Promise<void> {
  const dead = cluster.primaries[0]!
  const replica = await replicaOf(cluster, dead)
  if (behind > 0) {
    await replica.pause()
    await dead.cli('CLIENT', 'KILL', 'TYPE', 'replica') // what was sent to one that is paused would still reach it
    await sleep(behind)
  }
  await dead.kill()
  if (behind > 0) await replica.resume()
  await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), { within: 30_000, every: 50 })
  await dead.restart() // as a replica of the one that took its place
  await cluster.ready()
}

async function replicaOf(cluster: RedisCluster, primary: ClusterNode): Promise<ClusterNode> {
  for (const replica of cluster.replicas) if ((await replica.cli('ROLE')).split('\n').includes(String(primary.port))) return replica
  throw new Error(`the primary on port ${primary.port} has no replica`)
}

/** Slots of keys in use move, one after the other; each stays half moved for a while, some with their keys in both places. */
const slotsMove: Disturbance = {
  name: 'Cluster: slots move',
  loses: false,
  leavesOthers: true,
  run: (library, pace, resilience) => onCluster(library, 0, pace, resilience, async (cluster) => {
    const [from, to] = cluster.primaries as [RedisCluster['primaries'][number], RedisCluster['primaries'][number]]
    const keys = String(await from.cli('KEYS', 'trial:*')).split('\n').filter((key) => key !== '')
    for (const moved of [...new Set(keys.map(slot))].slice(0, SLOTS)) {
      await cluster.migrateSlot(moved, from, to, { stopHalfway: true, moving: () => Math.random() < 0.5 })
      await sleep(10)
      await cluster.migrateSlot(moved, from, to)
    }
  }),
}

const sentinelFailover: Disturbance = {
  name: 'Sentinel: the primary is killed',
  loses: true,
  leavesOthers: false,
  async run(library, pace, resilience) {
    await using sentinel = await startSentinel({ replicas: 1, sentinels: 3 })
    return await between([library.sentinel(sentinel, resilience), library.sentinel(sentinel, resilience)], 1, pace, async () => {
      const dead = sentinel.primary
      await dead.kill()
      await sentinel.failover()
      await dead.restart()
      await sentinel.ready()
    })
  },
}

export const disturbances: readonly Disturbance[] = [slotsMove, primaryKilled, primaryKilledAhead, sentinelFailover]

async function onCluster(library: Library, replicasPerPrimary: number, pace: Pace | undefined, resilience: ResilienceOptions | undefined, disturb: (cluster: RedisCluster) => Promise<void>): Promise<readonly Course[]> {
  await using cluster = await startCluster({ primaries: 3, replicasPerPrimary, config: { 'cluster-node-timeout': '1000' } })
  return await between([library.cluster(cluster.addresses, resilience), library.cluster(cluster.addresses, resilience)], replicasPerPrimary, pace, () => disturb(cluster))
}

async function between([one, other]: readonly [Connected, Connected], replicas: number, pace: Pace | undefined, disturb: () => Promise<void>): Promise<readonly Course[]> {
  try {
    return await drive(await allTrials([one.client, other.client], { replicas }), disturb, pace)
  } finally {
    await Promise.all([one.close(), other.close()])
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { slot } from '@cache/core'
import { canSetClock, startRedisCluster, type RedisCluster, type RedisServer } from '@cache/testkit'
import type { Random } from '../random.js'
import { openProxies } from './open-proxies.js'
import type { Topology } from './topology.js'
import { killInSync, untilPrimary } from './kill-in-sync.js'

/** Longer than a fault silences a server, so that a replica takes over only on command. */
const NODE_TIMEOUT = '3000'
const SLOTS_AT_ONCE = 5

/** Starts three primaries with a replica each. */
export async function cluster(): Promise<Topology> {
  const clock = canSetClock()
  const nodes = await startRedisCluster({
    primaries: 3,
    replicasPerPrimary: 1,
    config: { 'cluster-node-timeout': NODE_TIMEOUT },
    ...(clock && { clock }),
  })
  return {
    servers: nodes.nodes,
    get primaries() {
      return nodes.primaries
    },
    clock,
    open: (library) => openProxies('cluster', library, nodes.nodes),
    failover: (random) => failOver(nodes, random),
    migrate: (random) => migrate(nodes, random),
    [Symbol.asyncDispose]: () => nodes.stop(),
  }
}

/** Fails over on command, which waits for the replica, or by a kill with the replica in sync. */
async function failOver(nodes: RedisCluster, random: Random): Promise<void> {
  const primary = random.pick(nodes.primaries)
  if (random.chance(0.5)) {
    await nodes.failover(primary)
    return nodes.ready()
  }
  const replica = await replicaOf(nodes, primary)
  await killInSync(primary, [replica])
  await untilPrimary(replica)
  await primary.restart()
  await nodes.ready()
}

async function replicaOf(nodes: RedisCluster, primary: RedisServer): Promise<RedisServer> {
  for (const replica of nodes.replicas) {
    if ((await replica.cli('ROLE')).split('\n').includes(String(primary.port))) return replica
  }
  throw new Error(`The primary on port ${primary.port} has no replica.`)
}

/** Migrates some used slots. Each is half moved for a while. */
async function migrate(nodes: RedisCluster, random: Random): Promise<void> {
  const [from, to] = otherOrder(nodes.primaries, random)
  const keys = String(await from!.cli('KEYS', '*'))
    .split('\n')
    .filter((key) => key !== '')
  const slots = [...new Set(keys.map(slot))]
  for (let n = 0; n < SLOTS_AT_ONCE && slots.length > 0; n++) {
    const moving = slots.splice(random.between(0, slots.length - 1), 1)[0]!
    await nodes.migrateSlot(moving, from!, to!, {
      stopHalfway: true,
      moving: () => random.chance(0.5),
    })
    await sleep(20)
    // Moves keys a second time, because new ones may have been written in the meantime.
    await nodes.migrateSlot(moving, from!, to!, { stopHalfway: true })
    await nodes.migrateSlot(moving, from!, to!)
  }
  await nodes.ready()
}

function otherOrder<T>(list: readonly T[], random: Random): readonly T[] {
  const first = random.between(0, list.length - 1)
  return [...list.slice(first), ...list.slice(0, first)]
}

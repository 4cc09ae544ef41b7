import { startSentinel } from '@cache/testkit'
import { openEntrance } from './entrance.js'
import type { Topology } from './topology.js'
import { killInSync } from './without-loss.js'

/** Ms. Longer than a fault keeps a server silent, so that it fails over only when it is told to. */
const DOWN_AFTER = 3_000

/** A primary with two replicas, watched by three Sentinels. */
export async function sentinel(): Promise<Topology> {
  const watched = await startSentinel({ replicas: 2, sentinels: 3, downAfter: DOWN_AFTER })
  return {
    servers: [watched.primary, ...watched.replicas],
    get primaries() {
      return [watched.primary]
    },
    clock: false,
    open: (library) =>
      openEntrance('sentinel', library, [watched.primary, ...watched.replicas], watched.addresses),
    failover: async () => {
      const { primary, replicas } = watched
      await killInSync(primary, replicas) // all, as any of them may be chosen
      await watched.ready()
      // It takes itself for the primary until it is told otherwise, so nobody may be led to it.
      await primary.restart()
      await primary.cli('REPLICAOF', watched.primary.host, watched.primary.port)
      await watched.ready()
    },
    [Symbol.asyncDispose]: () => watched.stop(),
  }
}

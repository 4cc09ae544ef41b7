import { setTimeout as sleep } from 'node:timers/promises'
import type { ResilienceOptions } from '@cache/core'
import { startRedisSentinel, type RedisSentinel } from '@cache/testkit'
import type { Library } from '../clients.js'
import type { Pace, WorkloadReport } from '../run-workloads.js'
import { runWithFault, SILENT_AFTER_REPLACEMENT, untilPrimary, type Fault } from './fault.js'

export const sentinelFailover: Fault = {
  name: 'Sentinel: the primary is killed',
  losesWrites: true,
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
 * Clients do not notice: connections stay open, but no reply comes. When the old primary resumes,
 * it acts as the primary until it is demoted.
 */
export const sentinelSilent: Fault = {
  name: 'Sentinel: the primary is silent, replaced, and wakes',
  losesWrites: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onSentinel(library, pace, resilience, async (sentinel) => {
      const [silent, replica] = [sentinel.primary, sentinel.replicas[0]!]
      await silent.pause()
      await untilPrimary(replica)
      await sleep(SILENT_AFTER_REPLACEMENT)
      await silent.resume()
      await sentinel.ready()
    }),
}

export const sentinelDemoted: Fault = {
  name: 'Sentinel: the primary is demoted',
  long: true,
  losesWrites: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onSentinel(library, pace, resilience, async (sentinel) => {
      await sentinel.failover()
      await sentinel.ready()
    }),
}

async function onSentinel(
  library: Library,
  pace: Pace | undefined,
  resilience: ResilienceOptions | undefined,
  inject: (sentinel: RedisSentinel) => Promise<void>,
): Promise<readonly WorkloadReport[]> {
  await using sentinel = await startRedisSentinel({ replicas: 1, sentinels: 3, downAfter: 1_000 })
  return await runWithFault(
    [library.sentinel(sentinel, resilience), library.sentinel(sentinel, resilience)],
    1,
    pace,
    () => inject(sentinel),
  )
}

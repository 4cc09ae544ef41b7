import { setTimeout as sleep } from 'node:timers/promises'
import type { ResilienceOptions } from '@cache/core'
import { eventually, startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import type { Library } from '../clients.js'
import type { Pace, WorkloadReport } from '../run-workloads.js'
import { runWithFault, SILENT_AFTER_REPLACEMENT, type Fault } from './fault.js'

/**
 * A name or an address leads to another server from now on. Connections that are open stay with the
 * old server.
 */
export const addressSilent: Fault = {
  name: 'One address: the primary is silent, replaced, and wakes',
  long: true,
  losesWrites: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onAddress(library, pace, resilience, async (proxy, primary, replica) => {
      await primary.pause()
      await sleep(SILENT_AFTER_REPLACEMENT)
      await replica.cli('REPLICAOF', 'NO', 'ONE')
      proxy.retarget(replica)
      await sleep(SILENT_AFTER_REPLACEMENT)
      await primary.resume()
      await demote(primary, replica)
      await untilInSync(primary)
    }),
}

export const addressDemoted: Fault = {
  name: 'One address: the primary is demoted',
  losesWrites: true,
  leavesOthers: false,
  run: (library, pace, resilience) =>
    onAddress(library, pace, resilience, async (proxy, primary, replica) => {
      await replica.cli('REPLICAOF', 'NO', 'ONE')
      await demote(primary, replica)
      proxy.retarget(replica)
      await untilInSync(primary)
    }),
}

async function onAddress(
  library: Library,
  pace: Pace | undefined,
  resilience: ResilienceOptions | undefined,
  inject: (proxy: TcpProxy, primary: RedisServer, replica: RedisServer) => Promise<void>,
): Promise<readonly WorkloadReport[]> {
  await using primary = await startRedis()
  await using replica = await startRedis()
  await demote(replica, primary)
  await untilInSync(replica)
  await using proxy = await startProxy(primary)
  return await runWithFault(
    [library.standalone(proxy, resilience), library.standalone(proxy, resilience)],
    1,
    pace,
    () => inject(proxy, primary, replica),
  )
}

async function demote(server: RedisServer, primary: RedisServer): Promise<void> {
  await server.cli('REPLICAOF', primary.host, primary.port)
}

async function untilInSync(replica: RedisServer): Promise<void> {
  await eventually(async () => (await replica.cli('ROLE')).split('\n').includes('connected'), {
    within: 30_000,
    every: 50,
  })
}

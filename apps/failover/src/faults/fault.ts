import type { ResilienceOptions } from '@cache/core'
import { eventually, type RedisServer } from '@cache/testkit'
import type { Connection, Library } from '../clients.js'
import { runWorkloads, type Pace, type WorkloadReport } from '../run-workloads.js'
import { allWorkloads } from '../workloads/all.js'

/** A fault of the servers that is injected while all patterns are in use. */
export interface Fault {
  readonly name: string
  /** Whether a server dies, and with it writes that no other server has. */
  readonly losesWrites: boolean
  /** Whether other primaries are available all the time. */
  readonly leavesOthers: boolean
  /** Set if only the long form of the tests runs it. */
  readonly long?: boolean
  /** Runs the workloads during the fault. `resilience` replaces the default of the clients. */
  run(
    library: Library,
    pace?: Pace,
    resilience?: ResilienceOptions,
  ): Promise<readonly WorkloadReport[]>
}

/** The milliseconds for which a silent primary stays silent after it was replaced. */
export const SILENT_AFTER_REPLACEMENT = 1_500

/** Runs the workloads on two clients, injects the fault, and closes the clients. */
export async function runWithFault(
  [first, second]: readonly [Connection, Connection],
  replicas: number,
  pace: Pace | undefined,
  inject: () => Promise<void>,
): Promise<readonly WorkloadReport[]> {
  try {
    const workloads = await allWorkloads([first.client, second.client], { replicas })
    return await runWorkloads(workloads, inject, pace)
  } finally {
    await Promise.all([first.close(), second.close()])
  }
}

export async function untilPrimary(server: RedisServer): Promise<void> {
  await eventually(async () => (await server.cli('ROLE')).startsWith('master'), {
    within: 30_000,
    every: 50,
  })
}

import type { CacheClient } from '@cache/core'
import type { Redis } from 'ioredis'
import type { Random } from '../random.js'
import type { Reporter } from '../reporter.js'

/** The environment of a workload in one process. */
export interface WorkloadContext {
  readonly client: CacheClient
  readonly source: Redis
  readonly random: Random
  readonly reporter: Reporter
  /** The name of this process. The replacement of a killed process has another name. */
  readonly process: string
}

/** A pattern in use in one process. */
export interface Workload {
  /** Performs and checks one random operation. Rejects if the pattern does. */
  step(): Promise<void>
  /** Runs in all processes at once when all faults are over. */
  finish?(): Promise<void>
  close(): Promise<void>
}

export type StartWorkload = (context: WorkloadContext) => Workload | Promise<Workload>

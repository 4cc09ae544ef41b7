import type { Random } from '../random.js'
import type { ProcessUnderTest } from '../process-under-test.js'
import type { Topology } from '../topologies/topology.js'

/** The targets of a fault. */
export interface FaultContext {
  readonly topology: Topology
  readonly processes: readonly ProcessUnderTest[]
  readonly random: Random
}

/** A fault. It is over when `run` resolves. */
export interface Fault {
  /** The relative probability that this fault is chosen. */
  readonly weight: number
  /** Returns whether the fault can occur on these servers. By default it can occur on all. */
  readonly possible?: (topology: Topology) => boolean
  /** Whether no other exclusive fault may be active at the same time. */
  readonly exclusive?: boolean
  run(context: FaultContext): Promise<void>
}

import type { Random } from '../random.js'
import type { ProcessUnderTest } from '../process-under-test.js'
import type { Topology } from '../topologies/topology.js'

/** What a fault can be put on. */
export interface Scene {
  readonly topology: Topology
  readonly processes: readonly ProcessUnderTest[]
  readonly random: Random
}

/** Something that goes wrong, and is well again when it resolves. */
export interface Fault {
  /** How likely it is to be chosen. */
  readonly weight: number
  /** Whether it can happen on these servers. Default: on all. */
  readonly possible?: (topology: Topology) => boolean
  /** Whether no other one of these may be there at the same time. */
  readonly exclusive?: boolean
  run(scene: Scene): Promise<void>
}

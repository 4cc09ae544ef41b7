import type { TopologyName } from '../connection-target.js'
import { cluster } from './cluster.js'
import { sentinel } from './sentinel.js'
import { shards } from './shards.js'
import { standalone } from './standalone.js'
import type { Topology } from './topology.js'

export const startTopology: Record<TopologyName, () => Promise<Topology>> = {
  standalone,
  cluster,
  sentinel,
  shards,
}

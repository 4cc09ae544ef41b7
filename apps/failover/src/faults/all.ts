import { addressDemoted, addressSilent } from './address.js'
import {
  clusterDemoted,
  clusterSilent,
  primaryKilled,
  primaryKilledAhead,
  slotsMove,
} from './cluster.js'
import type { Fault } from './fault.js'
import { sentinelDemoted, sentinelFailover, sentinelSilent } from './sentinel.js'

export const faults: readonly Fault[] = [
  slotsMove,
  primaryKilled,
  primaryKilledAhead,
  sentinelFailover,
  sentinelSilent,
  sentinelDemoted,
  clusterSilent,
  clusterDemoted,
  addressSilent,
  addressDemoted,
]

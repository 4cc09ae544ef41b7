import type { Fault } from './fault.js'
import { networkFaults } from './network.js'
import { processFaults } from './processes.js'
import { serverFaults } from './servers.js'

export const faults = { ...networkFaults, ...processFaults, ...serverFaults } as const
export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]

export function faultNamed(name: FaultName): Fault {
  return faults[name]
}

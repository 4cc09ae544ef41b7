import { sendCommand } from '../command.js'
import type { Node } from './node.js'

/** Options of `migrateSlot` of a Cluster. */
export interface MigrateOptions {
  /** Leaves the slot MIGRATING at the source and IMPORTING at the target. */
  readonly stopHalfway?: boolean
  /**
   * Selects the keys to move. The default is all. While a slot has keys at both nodes, commands
   * with several of its keys get TRYAGAIN.
   */
  readonly moving?: (key: string) => boolean
}

/** Follows the steps of https://redis.io/docs/latest/commands/cluster-setslot/. */
export async function migrateSlot(
  nodes: readonly Node[],
  slot: number,
  from: Node,
  to: Node,
  options: MigrateOptions = {},
): Promise<void> {
  const { stopHalfway = false, moving = () => true } = options
  await sendCommand(to, ['CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id])
  await sendCommand(from, ['CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id])
  const count = Number(await sendCommand(from, ['CLUSTER', 'COUNTKEYSINSLOT', slot]))
  const keys = (await sendCommand(from, ['CLUSTER', 'GETKEYSINSLOT', slot, count])) as string[]
  const chosen = keys.filter((key) => moving(key))
  if (chosen.length > 0)
    await sendCommand(from, ['MIGRATE', to.host, to.port, '', 0, 5_000, 'KEYS', ...chosen])
  if (stopHalfway) return
  // Tells the new owner first. If it were the last, no node would own the slot in between.
  for (const node of [
    to,
    from,
    ...nodes.filter(
      (other) => other !== to && other !== from && other.role === 'primary' && other.running,
    ),
  ]) {
    await sendCommand(node, ['CLUSTER', 'SETSLOT', slot, 'NODE', to.id])
  }
}

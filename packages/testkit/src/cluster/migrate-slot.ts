import { ask } from '../command.js'
import type { Node } from './node.js'

export interface MigrateOptions {
  /** Leaves the slot MIGRATING at the one node and IMPORTING at the other. */
  readonly stopHalfway?: boolean
  /**
   * Which keys move: all, unless told. Of a slot whose keys are at both nodes, commands over
   * several keys get TRYAGAIN.
   */
  readonly moving?: (key: string) => boolean
}

/** The steps of https://redis.io/docs/latest/commands/cluster-setslot/. */
export async function migrateSlot(
  nodes: readonly Node[],
  slot: number,
  from: Node,
  to: Node,
  options: MigrateOptions = {},
): Promise<void> {
  const { stopHalfway = false, moving = () => true } = options
  await ask(to, ['CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id])
  await ask(from, ['CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id])
  const count = Number(await ask(from, ['CLUSTER', 'COUNTKEYSINSLOT', slot]))
  const keys = (await ask(from, ['CLUSTER', 'GETKEYSINSLOT', slot, count])) as string[]
  const chosen = keys.filter((key) => moving(key))
  if (chosen.length > 0)
    await ask(from, ['MIGRATE', to.host, to.port, '', 0, 5_000, 'KEYS', ...chosen])
  if (stopHalfway) return
  // The new owner first: were it the last one, nobody would claim the slot for a moment.
  for (const node of [
    to,
    from,
    ...nodes.filter(
      (other) => other !== to && other !== from && other.role === 'primary' && other.running,
    ),
  ]) {
    await ask(node, ['CLUSTER', 'SETSLOT', slot, 'NODE', to.id])
  }
}

import { slot } from '../../client/keys.js'

/** Groups keys by their Cluster slot. Keys keep their order within a group. */
export function groupBySlot(keys: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<number, string[]>()
  for (const key of keys) {
    const keySlot = slot(key)
    const group = groups.get(keySlot)
    if (group) group.push(key)
    else groups.set(keySlot, [key])
  }
  return [...groups.values()]
}

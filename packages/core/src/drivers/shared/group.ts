import { slot } from '../../client/keys.js'

/** Keys by their Cluster slot, in their order within it. */
export function bySlot(keys: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<number, string[]>()
  for (const key of keys) {
    const own = slot(key)
    const group = groups.get(own)
    if (group) group.push(key)
    else groups.set(own, [key])
  }
  return [...groups.values()]
}

import { groupBy } from '../../util/group-by.js'
import { slot } from '../../client/keys.js'

/** Groups keys by their Cluster slot. Keys keep their order within a group. */
export function groupBySlot(keys: readonly string[]): readonly (readonly string[])[] {
  return [...groupBy(keys, slot).values()]
}

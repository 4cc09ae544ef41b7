import type { SortedSet } from './sorted-set.js'
import type { Stream } from './stream.js'

/** The values of keys, by their types. */
export interface Values {
  readonly string: string
  readonly hash: Map<string, string>
  readonly list: string[]
  readonly set: Set<string>
  readonly zset: SortedSet
  readonly stream: Stream
}

/** The type of a key. */
export type Type = keyof Values

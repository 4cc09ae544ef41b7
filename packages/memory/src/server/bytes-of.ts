import type { SortedSet } from './sorted-set.js'
import type { Stream } from './stream.js'
import type { Type, Values } from './values.js'

/**
 * Estimates the bytes that a key takes in the memory of the process. Like `MEMORY USAGE` of Redis,
 * it looks at 5 members of a collection and takes the others to be as long.
 */
export function bytesOf(key: string, type: Type, value: Values[Type]): number {
  return KEY + key.length + bytesOfValue(type, value)
}

function bytesOfValue(type: Type, value: Values[Type]): number {
  switch (type) {
    case 'string':
      return (value as string).length
    case 'hash':
      return sampled(value as Map<string, string>, ([field, text]) => field.length + text.length)
    case 'set':
      return sampled(value as Set<string>, (member) => member.length)
    case 'list':
      return sampled(value as string[], (item) => item.length)
    case 'zset': {
      const members = value as SortedSet
      return sampled({ size: members.size, [Symbol.iterator]: () => members.members() }, lengthOf)
    }
    case 'stream':
      return sampled((value as Stream).entries, ({ fields }) =>
        fields.reduce((sum, field) => sum + field.length, 0),
      )
  }
}

interface Collection<M> extends Iterable<M> {
  readonly size?: number
  readonly length?: number
}

function sampled<M>(members: Collection<M>, lengthOfMember: (member: M) => number): number {
  const count = members.size ?? members.length ?? 0
  let [looked, length] = [0, 0]
  for (const member of members) {
    if (looked === SAMPLES) break
    looked++
    length += lengthOfMember(member)
  }
  return count === 0 ? 0 : Math.ceil(count * (MEMBER + length / looked))
}

const lengthOf = (text: string): number => text.length
const SAMPLES = 5
/** What the maps take for a key besides its text and its value. */
const KEY = 250
/** What a member of a collection takes besides its text. */
const MEMBER = 60

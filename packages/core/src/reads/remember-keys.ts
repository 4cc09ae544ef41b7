import type { CacheClient } from '../client/client.js'

/**
 * Returns `keyOf` itself, or for a client with a near cache a function that remembers the keys of
 * recent ids. Making a key costs more than looking it up in the near cache: the text is joined,
 * copied and hashed. `keyOf` must depend on nothing but the id. The key of an array of parts is
 * made each time: the array may change, and most callers make a new one for each call.
 */
export function rememberKeys<Id>(
  { entries }: CacheClient,
  keyOf: (id: Id) => string,
): (id: Id) => string {
  if (!entries.near) return keyOf
  let young = new Map<Id, string>()
  let old = young
  return (id) => {
    if (typeof id === 'object') return keyOf(id)
    const remembered = young.get(id)
    if (remembered !== undefined) return remembered
    const key = old.get(id) ?? keyOf(id)
    if (key.length > MAX_LENGTH) return key
    if (young.size >= MAX_YOUNG) {
      old = young
      young = new Map()
    }
    young.set(id, key)
    return key
  }
}

/** The number of keys after which those that were not used since are forgotten. */
const MAX_YOUNG = 5_000
/** Longer keys, in characters, are not remembered. */
const MAX_LENGTH = 256

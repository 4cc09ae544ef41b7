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
  const known = new Map<Id, string>()
  let unknown = 0
  return (id) => {
    if (typeof id === 'object') return keyOf(id)
    const remembered = known.get(id)
    if (remembered !== undefined) return remembered
    const key = keyOf(id)
    if (++unknown > MAX_UNKNOWN) {
      known.clear()
      unknown = 0
    }
    if (known.size < MAX_KNOWN && key.length <= MAX_LENGTH) known.set(id, key)
    return key
  }
}

const MAX_KNOWN = 10_000
/**
 * After so many ids that were not known, all keys are forgotten, since the ids in use may have
 * changed. To drop one key for each of them would cost more than to make its key.
 */
const MAX_UNKNOWN = 10 * MAX_KNOWN
/** Longer keys, in characters, are not remembered. */
const MAX_LENGTH = 256

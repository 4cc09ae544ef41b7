import { deserialize, serialize } from 'node:v8'
import type { Codec } from './codec.js'
import { checkV8 } from './v8-check.js'

/**
 * V8's structured clone: also Date, Map, Set, BigInt, RegExp, Error, typed arrays, undefined, NaN,
 * and cycles. Classes lose their prototype; functions and symbols are refused. Bytes that claim
 * more than there is are refused before V8 makes room for it. Only Node.js reads it; a Node.js that
 * is older than the writer may not, and takes it for a miss.
 *
 * Source: https://nodejs.org/api/v8.html#serialization-api
 *
 * @example createAside<Map<string, Date>>({ client, prefix: 'calendar', ttl: '1h', codec: v8 })
 */
export const v8: Codec<any> = {
  name: 'v8',
  encode: (value: unknown) => serialize(value),
  // Typed arrays in the value are views of what they are read from: a copy, or all readers of one
  // reply would share them.
  decode(payload) {
    checkV8(payload)
    return deserialize(Uint8Array.prototype.slice.call(payload))
  },
}

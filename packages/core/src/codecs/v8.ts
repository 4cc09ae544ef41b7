import { CacheError } from '../errors.js'
import { builtinModule } from '../util/builtin-module.js'
import { lazy } from '../util/lazy.js'
import type { Codec } from './codec.js'
import { checkV8 } from './v8-check.js'

/**
 * Encodes values with the structured clone of V8, which supports Date, Map, Set, BigInt, RegExp,
 * Error, typed arrays, undefined, NaN and cycles. Instances of classes lose their prototype.
 * Functions and symbols are refused. Bytes that declare more content than there is are refused
 * before V8 allocates memory for it.
 *
 * Only Node.js and Deno can read these entries. A version that is older than the writer may not be
 * able to, and treats the entry as a miss. Creating a cache with this codec throws under Bun, whose
 * `node:v8` has another format.
 *
 * Source: https://nodejs.org/api/v8.html#serialization-api
 *
 * @example createAside<Map<string, Date>>({ client, prefix: 'calendar', ttl: '1h', codec: v8 })
 */
export const v8: Codec<any> = {
  name: 'v8',
  encode: (value: unknown) => v8Module().serialize(value),
  // Typed arrays in the value are views of the bytes that are read. The bytes are copied, since all
  // readers of one reply would share them otherwise.
  decode(payload) {
    checkV8(payload)
    return v8Module().deserialize(Uint8Array.prototype.slice.call(payload))
  },
  prepare() {
    if (!NULL_OF_V8.test(v8Module().serialize(null).toString('latin1')))
      throw new CacheError(
        'The codec "v8" needs the serializer of V8, which this runtime does not have. Use "json" ' +
          'or "msgpack".',
        { code: 'UNSUPPORTED_RUNTIME' },
      )
  },
}

const v8Module = /* @__PURE__ */ lazy(() => builtinModule('node:v8'))

/** How V8 serializes null: a mark, the version, and the kind of the value. */
const NULL_OF_V8 = /^\xff[\x0d-\x7f]0$/

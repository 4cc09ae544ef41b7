import { createRequire } from 'node:module'
import type { Codec } from './codec.js'
import { CacheError } from '../errors.js'
import { checkMsgpack } from './msgpack-check.js'

interface Packr {
  pack(value: unknown): Buffer
  unpack(payload: Uint8Array): unknown
}

/**
 * Encodes values as MessagePack, with the package `msgpackr` 2, which you install beside this one.
 * MessagePack is smaller than JSON, and many languages can read it. It supports Date, Set,
 * undefined, NaN and bytes. A Map comes back as an object, and a property called `__proto__` as
 * `__proto_`.
 *
 * Creating a cache with this codec throws if the package is missing, or is an older major version,
 * which calls any function that an entry names.
 *
 * @example createAside<Product>({ client, prefix: 'product', ttl: '1h', codec: msgpack })
 */
export const msgpack: Codec<any> = {
  name: 'msgpack',
  encode: (value: unknown) => Buffer.from(packr().pack(value)),
  decode(payload) {
    checkMsgpack(payload)
    return packr().unpack(payload)
  },
  prepare: () => void packr(),
}

let cachedPackr: Packr | undefined

function packr(): Packr {
  return (cachedPackr ??= load())
}

function load(): Packr {
  let library: { Packr: new (options: object) => Packr }
  try {
    library = createRequire(import.meta.url)('msgpackr') as typeof library
  } catch (cause) {
    throw new CacheError('The codec "msgpack" needs the package msgpackr: npm install msgpackr', {
      code: 'MISSING_PACKAGE',
      cause,
    })
  }
  // Records are off, since their structures would have to be stored beside the entries. Buffers are
  // copied, since a value must not keep the whole reply in memory.
  const packrInstance = new library.Packr({ useRecords: false, copyBuffers: true, moreTypes: true })
  if (!(packrInstance.unpack(ERROR_NAMED_OBJECT) instanceof Error)) {
    throw new CacheError(
      'The codec "msgpack" needs msgpackr 2, since older versions call any global function ' +
        'that an entry names: npm install msgpackr@2',
      { code: 'MISSING_PACKAGE' },
    )
  }
  return packrInstance
}

/** A payload with the extension 0x65 of the array ['Object', 'x']. */
const ERROR_NAMED_OBJECT = Buffer.from([
  0xd4,
  0x65,
  0x00,
  0x92,
  0xa6,
  ...Buffer.from('Object'),
  0xa1,
  0x78,
])

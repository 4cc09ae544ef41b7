import { createRequire } from 'node:module'
import type { Codec } from './codec.js'
import { CacheError } from '../errors.js'
import { checkMsgpack } from './msgpack-check.js'

interface Packr {
  pack(value: unknown): Buffer
  unpack(payload: Uint8Array): unknown
}

/**
 * MessagePack, by the package `msgpackr` 2, which you install beside this one: smaller than JSON,
 * read by many languages, and it knows Date, Set, undefined, NaN and bytes; a Map comes back as an
 * object, and a property called `__proto__` as `__proto_`. Creating a cache with it throws if the
 * package is missing, or is a major that calls whatever an entry names.
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

let loaded: Packr | undefined

function packr(): Packr {
  return (loaded ??= load())
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
  // No records: their structures would have to be kept beside the entries. Copies: a value must not
  // keep the whole reply alive.
  const made = new library.Packr({ useRecords: false, copyBuffers: true, moreTypes: true })
  if (!(made.unpack(AN_ERROR_NAMED_OBJECT) instanceof Error)) {
    throw new CacheError(
      'The codec "msgpack" needs msgpackr 2: an older one calls any global function that an entry names. npm install msgpackr@2',
      { code: 'MISSING_PACKAGE' },
    )
  }
  return made
}

/** The extension 0x65, of the array ['Object', 'x']. */
const AN_ERROR_NAMED_OBJECT = Buffer.from([
  0xd4,
  0x65,
  0x00,
  0x92,
  0xa6,
  ...Buffer.from('Object'),
  0xa1,
  0x78,
])

import { checkCodec, type Codec } from './codec.js'
import { CodecError } from '../errors.js'
import { builtinModule } from '../util/builtin-module.js'
import { lazy } from '../util/lazy.js'
import { choiceOption, readOptions, sizeOption, type OptionTable } from '../util/options.js'
import type { Size } from '../util/size.js'

export interface CompressedOptions {
  /** Smaller payloads are not compressed. Default: '4kb'. */
  readonly threshold?: Size
  /**
   * `'deflate'` is faster, `'brotli'` makes smaller payloads. Entries of both are read, whichever
   * is set. Default: 'deflate'.
   */
  readonly algorithm?: 'deflate' | 'brotli'
}

/*
 * A compressed payload is: 02 | algorithm | bytes. No JSON text begins with byte 02. A payload of
 * another codec that does is stored after a header that says so. Any other payload was not
 * compressed.
 */
const HEADER = 0x02
const STORED = 0
const ALGORITHMS = {
  deflate: {
    id: 1,
    deflate: (bytes: Buffer) => zlib().deflateRawSync(bytes),
    inflate: (bytes: Uint8Array, limit: Limit) => zlib().inflateRawSync(bytes, limit),
  },
  brotli: {
    id: 2,
    deflate: (bytes: Buffer) => zlib().brotliCompressSync(bytes),
    inflate: (bytes: Uint8Array, limit: Limit) => zlib().brotliDecompressSync(bytes, limit),
  },
} as const

interface Limit {
  readonly maxOutputLength: number
}

const zlib = /* @__PURE__ */ lazy(() => builtinModule('node:zlib'))

/** The rows of `CompressedOptions`. */
const compressedOptions = {
  threshold: sizeOption('4kb'),
  algorithm: choiceOption(['deflate', 'brotli'], 'deflate'),
} satisfies OptionTable<CompressedOptions>

/**
 * Wraps a codec and compresses its large payloads, if that makes them smaller. Entries that were
 * written without it are still read. A payload that expands to more than `maxValueBytes` is
 * refused, both when writing and when reading.
 *
 * Source: https://nodejs.org/api/zlib.html
 *
 * @throws {InvalidOptionError} if an option is invalid. The error names the option.
 * @example
 * const codec = compressed(json, { threshold: '4kb' })
 * createAside<Page>({ client, prefix: 'page', ttl: '1h', codec })
 */
export function compressed<T>(codec: Codec<T>, options: CompressedOptions = {}): Codec<T> {
  const inner = checkCodec<T>('codec', codec)
  const { threshold, algorithm } = readOptions('compressed', compressedOptions, options)
  const { id, deflate } = ALGORITHMS[algorithm]

  return {
    name: `compressed ${inner.name}`,
    prepare: inner.prepare,
    seal: inner.seal,
    open: inner.open,

    encode(value, context) {
      const payload = inner.encode(value, context)
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
      if (bytes.length > context.maxValueBytes) {
        throw new CodecError(
          `The value of "${context.key}" has ${bytes.length} bytes before compression, ` +
            `which is more than maxValueBytes, ${context.maxValueBytes}.`,
          { key: context.key, code: 'VALUE_TOO_LARGE' },
        )
      }
      const compressedBytes = bytes.length >= threshold ? deflate(bytes) : undefined
      if (compressedBytes && compressedBytes.length + 2 < bytes.length)
        return Buffer.concat([Buffer.from([HEADER, id]), compressedBytes])
      return bytes[0] === HEADER ? Buffer.concat([Buffer.from([HEADER, STORED]), bytes]) : payload
    },

    decode(payload, context) {
      if (payload[0] !== HEADER) return inner.decode(payload, context)
      if (payload[1] === STORED) return inner.decode(payload.subarray(2), context)
      const algorithm = Object.values(ALGORITHMS).find((candidate) => candidate.id === payload[1])
      if (!algorithm)
        throw new CodecError(
          `The entry "${context.key}" is compressed with an unknown algorithm.`,
          { key: context.key },
        )
      return inner.decode(
        algorithm.inflate(payload.subarray(2), { maxOutputLength: context.maxValueBytes }),
        context,
      )
    },
  }
}

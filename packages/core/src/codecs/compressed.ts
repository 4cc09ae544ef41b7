import { brotliCompressSync, brotliDecompressSync, deflateRawSync, inflateRawSync } from 'node:zlib'
import { checkCodec, type Codec } from './codec.js'
import { CodecError } from '../errors.js'
import { checkOptions } from '../util/options.js'
import type { Size } from '../util/size.js'

export interface CompressedOptions {
  /** Smaller payloads stay as they are. Default '4kb'. */
  readonly threshold?: Size
  /**
   * `'deflate'` is the faster one, `'brotli'` the smaller. Both are read, whichever is set. Default
   * 'deflate'.
   */
  readonly algorithm?: 'deflate' | 'brotli'
}

/*
 * A compressed payload:  02 | algorithm | bytes.  Byte 02 begins no JSON text; another codec's
 * payload that begins with it is stored behind a header that says so. Anything else is a payload
 * that was not compressed.
 */
const HEADER = 0x02
const STORED = 0
const ALGORITHMS = {
  deflate: { id: 1, deflate: (bytes: Buffer) => deflateRawSync(bytes), inflate: inflateRawSync },
  brotli: {
    id: 2,
    deflate: (bytes: Buffer) => brotliCompressSync(bytes),
    inflate: brotliDecompressSync,
  },
} as const

/**
 * A codec whose large payloads are compressed, where that makes them smaller. What was written
 * without it is read as well. A payload that would unpack to more than `maxValueBytes` is refused,
 * on the way in and out.
 *
 * Source: https://nodejs.org/api/zlib.html
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * createAside<Page>({ client, prefix: 'page', ttl: '1h', codec: compressed(json, { threshold: '4kb' }) })
 */
export function compressed<T>(codec: Codec<T>, options: CompressedOptions = {}): Codec<T> {
  const inner = checkCodec<T>('codec', codec)
  const check = checkOptions('compressed', options, ['threshold', 'algorithm'])
  const threshold = check.size('threshold', '4kb')
  const { id, deflate } = ALGORITHMS[check.oneOf('algorithm', ['deflate', 'brotli'], 'deflate')]

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
          `The value of "${context.key}" has ${bytes.length} bytes before compression, more than maxValueBytes, ${context.maxValueBytes}.`,
          { key: context.key, code: 'VALUE_TOO_LARGE' },
        )
      }
      const small = bytes.length >= threshold ? deflate(bytes) : undefined
      if (small && small.length + 2 < bytes.length)
        return Buffer.concat([Buffer.from([HEADER, id]), small])
      return bytes[0] === HEADER ? Buffer.concat([Buffer.from([HEADER, STORED]), bytes]) : payload
    },

    decode(payload, context) {
      if (payload[0] !== HEADER) return inner.decode(payload, context)
      if (payload[1] === STORED) return inner.decode(payload.subarray(2), context)
      const algorithm = Object.values(ALGORITHMS).find((known) => known.id === payload[1])
      if (!algorithm)
        throw new CodecError(
          `The entry "${context.key}" is compressed in a way that is not known here.`,
          { key: context.key },
        )
      return inner.decode(
        algorithm.inflate(payload.subarray(2), { maxOutputLength: context.maxValueBytes }),
        context,
      )
    },
  }
}

import { InvalidOptionError } from '../errors.js'

/**
 * Converts values to bytes and back. Both directions are synchronous, and throw if a value cannot
 * be encoded or decoded. A cache treats an error of `decode` as a miss. The package has the codecs
 * `json` (the default), `v8` and `msgpack`, and `compressed` and `encrypted`, which wrap another
 * codec.
 *
 * @example
 * const text: Codec<string> = {
 *   name: 'text',
 *   encode: (value) => value,
 *   decode: (payload) => payload.toString(),
 * }
 */
export interface Codec<T> {
  /** The name in messages. */
  readonly name: string
  encode(value: T, context: CodecContext): string | Buffer
  /** Decodes a payload. It is a view of the reply, not a copy, so the value must not keep it. */
  decode(payload: Buffer, context: CodecContext): T
  /**
   * Protects bytes that are not a value, such as the proof that there is no value. Only codecs that
   * authenticate what they store have it. A codec that wraps one with `seal` and `open` must pass
   * them on.
   */
  readonly seal?: ((bytes: Buffer, context: CodecContext) => Buffer) | undefined
  /**
   * Returns the bytes that `seal` was given. Throws if `seal` did not make them for this context.
   */
  readonly open?: ((sealed: Buffer, context: CodecContext) => Buffer) | undefined
  /**
   * Throws if the codec cannot work here, for example because a package is missing. It is called
   * once, when a cache is created.
   */
  readonly prepare?: (() => void) | undefined
}

/** Where a payload is stored, and how large it may be. */
export interface CodecContext {
  /** The Redis key. */
  readonly key: string
  /** The limit for codecs that expand a payload. */
  readonly maxValueBytes: number
  /**
   * The clear text that is stored beside the payload. A codec that authenticates the payload must
   * authenticate it as well.
   */
  readonly associatedData?: Buffer | undefined
}

/**
 * Returns `codec` if it is a codec that can work here.
 * @throws {InvalidOptionError} if it is not. The error names `option`.
 */
export function checkCodec<T>(option: string, codec: unknown): Codec<T> {
  if (!isCodec<T>(codec))
    throw new InvalidOptionError(option, 'a codec: { name, encode, decode }', codec)
  codec.prepare?.()
  return codec
}

function isCodec<T>(codec: unknown): codec is Codec<T> {
  if (typeof codec !== 'object' || codec === null) return false
  const { name, encode, decode, prepare, seal, open } = codec as Partial<Codec<T>>
  const isMethod = (method: unknown): boolean =>
    method === undefined || typeof method === 'function'
  return (
    typeof name === 'string' &&
    typeof encode === 'function' &&
    typeof decode === 'function' &&
    [prepare, seal, open].every(isMethod) &&
    !seal === !open
  )
}

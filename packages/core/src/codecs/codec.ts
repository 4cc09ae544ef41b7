import { InvalidOptionError } from '../errors.js'

/**
 * How values become bytes and bytes values. Both ways are synchronous. What can't be encoded or
 * decoded is thrown; a cache turns what `decode` throws into a miss. Ready-made: `json` (the
 * default), `v8`, `msgpack`, and around them `compressed` and `encrypted`.
 *
 * @example
 * const text: Codec<string> = { name: 'text', encode: (value) => value, decode: (payload) => payload.toString() }
 */
export interface Codec<T> {
  /** For messages. */
  readonly name: string
  encode(value: T, context: CodecContext): string | Buffer
  /** `payload` is a view of the reply, not a copy: a value must not keep it. */
  decode(payload: Buffer, context: CodecContext): T
  /**
   * Only of a codec that authenticates what it stores: protects bytes that are no value, such as
   * the proof that there is none. A codec around one that has `seal` and `open` passes them on.
   */
  readonly seal?: ((bytes: Buffer, context: CodecContext) => Buffer) | undefined
  /**
   * The bytes that `seal` was given. Throws for anything that `seal` did not make for this context.
   */
  readonly open?: ((sealed: Buffer, context: CodecContext) => Buffer) | undefined
  /**
   * Throws if the codec can't work here, a package is missing for example. Called once, when a
   * cache is created.
   */
  readonly prepare?: (() => void) | undefined
}

/** Where a payload is kept, and how large it may be. */
export interface CodecContext {
  /** The Redis key. */
  readonly key: string
  /** A codec that expands what it reads stops here. */
  readonly maxValueBytes: number
  /**
   * What is stored in clear text beside the payload. A codec that authenticates the payload
   * authenticates it as well.
   */
  readonly associatedData?: Buffer | undefined
}

/** `codec` if it is one, and can work here. @throws {InvalidOptionError} naming `option`. */
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

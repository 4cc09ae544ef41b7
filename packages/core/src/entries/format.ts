import { checkCodec, type Codec, type CodecContext } from '../codecs/codec.js'
import { json } from '../codecs/json.js'
import { CacheError, CodecError } from '../errors.js'
import {
  associatedData,
  frame,
  frameAbsent,
  isFrame,
  unframe,
  type Framed,
  type Meta,
} from './frame.js'
import { checkOptions } from '../util/options.js'
import { errorWithoutMessage } from '../util/redact.js'
import { applySchema, checkSchema, type Checked, type Schema } from '../codecs/schema.js'
import type { Size } from '../util/size.js'

export type { Meta } from './frame.js'

/**
 * How the values of one cache are stored: what is written is checked for its size, what is read for
 * its shape as well.
 */
export interface Format<T> {
  /** The most bytes that a value may have, as stored and before a codec compresses it. */
  readonly maxValueBytes: number
  /**
   * What to store. `null` and `undefined` are "there is none": an entry without a payload, whatever
   * the codec; but `null` as plain JSON, which others read as well, where no schema could refuse
   * that.
   *
   * @throws {CodecError} if the value can't be encoded, or takes more than `maxValueBytes`.
   */
  encode(key: string, value: T | null | undefined, meta?: Meta): string | Buffer
  /** What is stored. Never throws or rejects; a promise only where the schema is asynchronous. */
  decode(key: string, stored: Buffer): Decoded<T> | Undecodable | Promise<Decoded<T> | Undecodable>
}

export interface Decoded<T> {
  readonly value: T
  /** The value is `null` or `undefined`: there is none. */
  readonly absent: boolean
  readonly version: number | undefined
  readonly computeTime: number | undefined
  readonly stamp: Buffer | undefined
}

/** Not in the types, where it would tell copies of this package apart. */
const BRAND = Symbol.for('@cache/core/undecodable')

/** An entry that must not be served: to the reader it is a miss. */
export class Undecodable {
  /** `instanceof`, also for one that another copy of this package made. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }

  constructor(
    /**
     * `'size'`: over `maxValueBytes`. `'frame'`: its metadata can't be read. `'codec'`: its payload
     * can't. `'schema'`: it is of another shape.
     */
    readonly reason: 'codec' | 'frame' | 'schema' | 'size',
    readonly error: CodecError,
  ) {}
}

export interface FormatOptions<T> {
  /** Default `json`. */
  readonly codec?: Codec<T> | undefined
  /**
   * Checks what was read, and only that; its output is what the reader gets. A schema that
   * transforms sees its own output again when that was stored, so its transforms must leave their
   * own results alone.
   */
  readonly schema?: Schema<T> | undefined
  /** Default 8 MiB. */
  readonly maxValueBytes?: Size | undefined
}

export const DEFAULT_MAX_VALUE_BYTES = 8 * 1024 * 1024

/**
 * How values are stored: through a codec, in a frame where metadata travels with them.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const products = createFormat<Product>({ schema: productSchema })
 * products.decode('product:42', Buffer.from(products.encode('product:42', chair, { version: 7 })))
 */
export function createFormat<T>(options: FormatOptions<T> = {}): Format<T> {
  const check = checkOptions('createFormat', options, ['codec', 'schema', 'maxValueBytes'])
  const codec = checkCodec<T>('codec', options.codec === undefined ? json : options.codec)
  const schema = options.schema === undefined ? undefined : checkSchema<T>('schema', options.schema)
  return new EntryFormat(codec, schema, check.size('maxValueBytes', DEFAULT_MAX_VALUE_BYTES))
}

class EntryFormat<T> implements Format<T> {
  readonly #codec: Codec<T>
  readonly #schema: Schema<T> | undefined
  readonly maxValueBytes: number

  constructor(codec: Codec<T>, schema: Schema<T> | undefined, maxValueBytes: number) {
    this.#codec = codec
    this.#schema = schema
    this.maxValueBytes = maxValueBytes
  }

  encode(key: string, value: T | null | undefined, meta?: Meta): string | Buffer {
    try {
      const own = this.#ownMeta(meta)
      const stored = this.#hasPayload(value)
        ? frame(this.#payload(key, value, own), own)
        : frameAbsent(value, own, this.#proof(key, value, own))
      this.#checkSize(key, stored)
      return stored
    } catch (cause) {
      if (cause instanceof CodecError && cause.key !== undefined) throw cause
      const why =
        cause instanceof CodecError
          ? `: ${cause.message}`
          : ` with the codec "${this.#codec.name}".`
      throw new CodecError(`Can't encode the value of "${key}"${why}`, {
        key,
        cause: shownCause(cause),
      })
    }
  }

  decode(
    key: string,
    stored: Buffer,
  ): Decoded<T> | Undecodable | Promise<Decoded<T> | Undecodable> {
    if (stored.length > this.maxValueBytes)
      return undecodable(
        'size',
        key,
        `has ${stored.length} bytes, more than maxValueBytes, ${this.maxValueBytes}`,
      )
    if (!isFrame(stored)) return this.#value(key, stored, undefined)
    const framed = unframe(stored)
    if (framed === undefined)
      return undecodable('frame', key, 'has a frame that is cut off, or of a newer version')
    if (framed.presence === 'present') return this.#value(key, framed.payload, framed)
    return this.#absent(key, framed)
  }

  /** Only who can't authenticate a version has to say so in the frame. */
  #ownMeta(meta: Meta | undefined): Meta | undefined {
    return meta?.versionByScript && !this.#codec.seal
      ? { ...meta, versionByScript: undefined }
      : meta
  }

  #context(key: string, bound: Buffer | undefined): CodecContext {
    return { key, maxValueBytes: this.maxValueBytes, associatedData: bound }
  }

  /** The proof that there is none, of a codec that authenticates. */
  #proof(key: string, presence: null | undefined, meta: Meta | undefined): Buffer | undefined {
    return this.#codec.seal?.(NOTHING, this.#context(key, associatedData(presence, meta)))
  }

  #absent(key: string, framed: Framed): Decoded<T> | Undecodable {
    try {
      const rest = this.#codec.open
        ? this.#codec.open(framed.payload, this.#context(key, framed.associatedData))
        : framed.payload
      if (rest.length === 0) return decoded(framed.presence as T, framed)
    } catch (cause) {
      return undecodable(
        'codec',
        key,
        `says that there is none, which the codec "${this.#codec.name}" can't confirm`,
        cause,
      )
    }
    return undecodable('frame', key, 'says that there is none, and has a payload')
  }

  #hasPayload(value: T | null | undefined): value is T {
    return (
      (value !== null && value !== undefined) ||
      (value === null && this.#schema === undefined && this.#codec === (json as Codec<unknown>))
    )
  }

  #payload(key: string, value: T, meta: Meta | undefined): string | Buffer {
    const payload = this.#codec.encode(
      value,
      this.#context(key, this.#codec.seal && associatedData('present', meta)),
    )
    if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload
    throw new CodecError(
      `Its codec "${this.#codec.name}" must return a string or a Buffer at once.`,
    )
  }

  #checkSize(key: string, stored: string | Buffer): void {
    const max = this.maxValueBytes
    // No UTF-16 unit takes more than three bytes of UTF-8.
    if (typeof stored === 'string' && stored.length * 3 <= max) return
    const bytes = Buffer.byteLength(stored)
    if (bytes > max)
      throw new CodecError(
        `The value of "${key}" has ${bytes} bytes, more than maxValueBytes, ${max}.`,
        { key, code: 'VALUE_TOO_LARGE' },
      )
  }

  #value(
    key: string,
    payload: Buffer,
    meta: Framed | undefined,
  ): Decoded<T> | Undecodable | Promise<Decoded<T> | Undecodable> {
    let value: T
    try {
      value = this.#codec.decode(payload, this.#context(key, meta?.associatedData))
    } catch (cause) {
      return undecodable(
        'codec',
        key,
        `can't be read by the codec "${this.#codec.name}"`,
        shownCause(cause),
      )
    }
    if (this.#schema === undefined) return decoded(value, meta)
    const checked = applySchema(this.#schema, value)
    return checked instanceof Promise
      ? checked.then((late) => afterSchema(key, late, meta))
      : afterSchema(key, checked, meta)
  }
}

const NOTHING = Buffer.alloc(0)

function afterSchema<T>(
  key: string,
  checked: Checked<T>,
  meta: Meta | undefined,
): Decoded<T> | Undecodable {
  return checked.error === undefined
    ? decoded(checked.value, meta)
    : undecodable('schema', key, 'does not fit its schema', checked.error)
}

function decoded<T>(value: T, meta: Meta | undefined): Decoded<T> {
  return {
    value,
    absent: value === null || value === undefined,
    version: meta?.version,
    computeTime: meta?.computeTime,
    stamp: meta?.stamp,
  }
}

/** What a codec threw may quote the value; our own errors don't. */
function shownCause(cause: unknown): Error | undefined {
  return cause instanceof CacheError ? cause : errorWithoutMessage(cause)
}

function undecodable(
  reason: Undecodable['reason'],
  key: string,
  what: string,
  cause?: unknown,
): Undecodable {
  return new Undecodable(reason, new CodecError(`The entry "${key}" ${what}.`, { key, cause }))
}

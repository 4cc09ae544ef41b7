import { checkCodec, type Codec, type CodecContext } from '../codecs/codec.js'
import { json } from '../codecs/json.js'
import { CacheError, CodecError } from '../errors.js'
import {
  SCRIPT_HEADER_BYTES,
  associatedData,
  flagsForScript,
  frame,
  frameAbsent,
  isFrame,
  unframe,
  type Framed,
  type Meta,
} from './frame.js'
import {
  customOption,
  readOptions,
  sizeOption,
  type CheckedOptions,
  type OptionTable,
} from '../util/options.js'
import { errorWithoutMessage } from '../util/redact.js'
import { applySchema, checkSchema, type Checked, type Schema } from '../codecs/schema.js'
import type { Size } from '../util/size.js'

export type { Meta } from './frame.js'

/**
 * Encodes and decodes the values of one cache. The size is checked on writes; size and shape are
 * checked on reads.
 */
export interface Format<T> {
  /** The maximum size of a value in bytes, both as stored and before a codec compresses it. */
  readonly maxValueBytes: number
  /**
   * Returns what to store. `null` and `undefined` mean that there is no value: they become an entry
   * without a payload, with every codec. The exception is `null` with the `json` codec and no
   * schema: it is stored as JSON text, which other programs can read as well.
   *
   * @throws {CodecError} if the value can't be encoded, or takes more than `maxValueBytes`.
   */
  encode(key: string, value: T | null | undefined, meta?: Meta): string | Buffer
  /**
   * Encodes like `encode`, for a script that sets the version and makes the frame (frame.ts). So a
   * text stays a text, which costs less to send than bytes.
   */
  encodeForScript(key: string, value: T | null | undefined): PayloadForScript
  /**
   * Decodes a stored value. Never throws or rejects. Returns a promise only if the schema is
   * asynchronous.
   */
  decode(key: string, stored: Buffer): Decoded<T> | Undecodable | Promise<Decoded<T> | Undecodable>
}

/** A payload, and the flags of the frame that a script makes for it. */
export interface PayloadForScript {
  readonly flags: number
  readonly payload: string | Buffer
}

export interface Decoded<T> {
  readonly value: T
  /** The value is `null` or `undefined`: the source has none. */
  readonly absent: boolean
  readonly version: number | undefined
  readonly computeTime: number | undefined
  readonly stamp: Buffer | undefined
}

/**
 * Marks instances of `Undecodable`. It is not part of the type: the types of two copies of this
 * package would not be assignable to each other.
 */
const BRAND = Symbol.for('@cache/core/undecodable')

/** An entry that can't be decoded. Reads treat it as a miss. */
export class Undecodable {
  /** Makes `instanceof` work for instances of another copy of this package. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }

  constructor(
    /**
     * `'size'`: the entry exceeds `maxValueBytes`. `'frame'`: its metadata can't be read.
     * `'codec'`: its payload can't be decoded. `'schema'`: it does not fit the schema.
     */
    readonly reason: 'codec' | 'frame' | 'schema' | 'size',
    readonly error: CodecError,
  ) {}
}

export interface FormatOptions<T> {
  /** Default `json`. */
  readonly codec?: Codec<T> | undefined
  /**
   * Checks values that are read, but not values that are written. The reader gets its output. If
   * that output is stored again, the schema sees it again, so transforms must leave their own
   * results unchanged.
   */
  readonly schema?: Schema<T> | undefined
  /** Default 8 MiB. */
  readonly maxValueBytes?: Size | undefined
}

/** The rows of `FormatOptions`. */
export const formatOptions = {
  codec: customOption((codec, path) => checkCodec<any>(path, codec === undefined ? json : codec)),
  schema: customOption((schema, path) =>
    schema === undefined ? undefined : checkSchema<any>(path, schema),
  ),
  maxValueBytes: sizeOption('8mb'),
} satisfies OptionTable<FormatOptions<unknown>>

/**
 * Creates a format. It encodes values with a codec, and stores them in a frame if they have
 * metadata.
 *
 * @throws {InvalidOptionError} with the name of the invalid option.
 * @example
 * const products = createFormat<Product>({ schema: productSchema })
 * const stored = products.encode('product:42', chair, { version: 7 })
 * products.decode('product:42', Buffer.from(stored))
 */
export function createFormat<T>(options: FormatOptions<T> = {}): Format<T> {
  return formatOf(readOptions('createFormat', formatOptions, options))
}

/** Creates a format from options that are checked already. */
export function formatOf<T>({
  codec,
  schema,
  maxValueBytes,
}: CheckedOptions<typeof formatOptions, FormatOptions<T>>): Format<T> {
  return new EntryFormat<T>(codec, schema, maxValueBytes)
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
      const stored = this.#hasPayload(value)
        ? frame(this.#encodePayload(key, value, meta), meta)
        : frameAbsent(value, meta, this.#proof(key, value, meta))
      this.#checkSize(key, stored)
      return stored
    } catch (cause) {
      throw this.#encodeError(key, cause)
    }
  }

  encodeForScript(key: string, value: T | null | undefined): PayloadForScript {
    try {
      const meta = this.#codec.seal ? SEALED_VERSION_BY_SCRIPT : VERSION_BY_SCRIPT
      const hasPayload = this.#hasPayload(value)
      const payload = hasPayload
        ? this.#encodePayload(key, value, meta)
        : (this.#proof(key, value, meta) ?? '')
      this.#checkSize(key, payload, SCRIPT_HEADER_BYTES)
      return { flags: flagsForScript(hasPayload ? 'present' : value, meta), payload }
    } catch (cause) {
      throw this.#encodeError(key, cause)
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
        `has ${stored.length} bytes, more than maxValueBytes (${this.maxValueBytes})`,
      )
    if (!isFrame(stored)) return this.#decodeValue(key, stored, undefined)
    const framed = unframe(stored)
    if (framed === undefined)
      return undecodable(
        'frame',
        key,
        'has a frame that is truncated, or was written by a newer version',
      )
    if (framed.presence === 'present') return this.#decodeValue(key, framed.payload, framed)
    return this.#decodeAbsent(key, framed)
  }

  #encodeError(key: string, cause: unknown): unknown {
    if (cause instanceof CodecError && cause.key !== undefined) return cause
    const detail =
      cause instanceof CodecError ? `: ${cause.message}` : ` with the codec "${this.#codec.name}".`
    return new CodecError(`Can't encode the value of "${key}"${detail}`, {
      key,
      cause: safeCause(cause),
    })
  }

  #context(key: string, authenticated: Buffer | undefined): CodecContext {
    return { key, maxValueBytes: this.maxValueBytes, associatedData: authenticated }
  }

  /** Returns the proof of an authenticating codec that there is no value. */
  #proof(key: string, presence: null | undefined, meta: Meta | undefined): Buffer | undefined {
    return this.#codec.seal?.(EMPTY, this.#context(key, associatedData(presence, meta)))
  }

  #decodeAbsent(key: string, framed: Framed): Decoded<T> | Undecodable {
    try {
      const remaining = this.#codec.open
        ? this.#codec.open(framed.payload, this.#context(key, framed.associatedData))
        : framed.payload
      if (remaining.length === 0) return decoded(framed.presence as T, framed)
    } catch (cause) {
      return undecodable(
        'codec',
        key,
        `stores the absence of a value, which the codec "${this.#codec.name}" can't verify`,
        cause,
      )
    }
    return undecodable('frame', key, 'stores the absence of a value, but has a payload')
  }

  #hasPayload(value: T | null | undefined): value is T {
    return (
      (value !== null && value !== undefined) ||
      (value === null && this.#schema === undefined && this.#codec === (json as Codec<unknown>))
    )
  }

  #encodePayload(key: string, value: T, meta: Meta | undefined): string | Buffer {
    const payload = this.#codec.encode(
      value,
      this.#context(key, this.#codec.seal && associatedData('present', meta)),
    )
    if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload
    throw new CodecError(
      `Its codec "${this.#codec.name}" must return a string or a Buffer synchronously.`,
    )
  }

  /** Checks the size of what is stored, to which a script adds `headerBytes`. */
  #checkSize(key: string, stored: string | Buffer, headerBytes = 0): void {
    const max = this.maxValueBytes
    // A UTF-16 code unit takes at most three bytes in UTF-8.
    if (typeof stored === 'string' && stored.length * 3 + headerBytes <= max) return
    const bytes = Buffer.byteLength(stored) + headerBytes
    if (bytes > max)
      throw new CodecError(
        `The value of "${key}" has ${bytes} bytes, more than maxValueBytes (${max}).`,
        { key, code: 'VALUE_TOO_LARGE' },
      )
  }

  #decodeValue(
    key: string,
    payload: Buffer,
    meta: Framed | undefined,
  ): Decoded<T> | Undecodable | Promise<Decoded<T> | Undecodable> {
    let value: T
    try {
      value = this.#codec.decode(
        payload,
        this.#context(key, this.#codec.open && meta?.associatedData),
      )
    } catch (cause) {
      return undecodable(
        'codec',
        key,
        `can't be decoded by the codec "${this.#codec.name}"`,
        safeCause(cause),
      )
    }
    if (this.#schema === undefined) return decoded(value, meta)
    const checked = applySchema(this.#schema, value)
    return checked instanceof Promise
      ? checked.then((result) => afterSchema(key, result, meta))
      : afterSchema(key, checked, meta)
  }
}

const EMPTY = Buffer.alloc(0)
const VERSION_BY_SCRIPT: Meta = { version: 0 }
/** Only codecs that authenticate the metadata need to know that a script sets the version. */
const SEALED_VERSION_BY_SCRIPT: Meta = { version: 0, versionByScript: true }

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

/** Removes the message of foreign errors, because it may quote the value. Our own never do. */
function safeCause(cause: unknown): Error | undefined {
  return cause instanceof CacheError ? cause : errorWithoutMessage(cause)
}

function undecodable(
  reason: Undecodable['reason'],
  key: string,
  problem: string,
  cause?: unknown,
): Undecodable {
  return new Undecodable(reason, new CodecError(`The entry "${key}" ${problem}.`, { key, cause }))
}

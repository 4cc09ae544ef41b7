import { CodecError } from '../errors.js'
import { BoundedReader } from './bounded-reader.js'

/**
 * Checks bytes of the serializer of V8 before they are deserialized.
 *
 * @throws {CodecError} if the bytes declare more content than there is, or have a value of an
 * unknown kind.
 *
 * Source: https://chromium.googlesource.com/v8/v8/+/main/src/objects/value-serializer.cc
 */
export function checkV8(payload: Uint8Array): void {
  const v8Reader = new V8Reader(payload)
  if (v8Reader.bytes.byte() !== VERSION_TAG || v8Reader.varint() < MIN_VERSION)
    throw new CodecError('It was not serialized by V8, or by a version that is too old.')
  v8Reader.value()
}

class V8Reader {
  readonly bytes: BoundedReader

  constructor(payload: Uint8Array) {
    this.bytes = new BoundedReader(payload)
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes.byte()
      if (factor <= MAX_FACTOR) value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  value(): void {
    const { bytes } = this
    const tag = this.#tag()
    switch (tag) {
      case '_':
      case '0':
      case 'T':
      case 'F':
      case 'x':
      case 'y':
      case '-':
        return
      case 'I':
      case 'U':
      case '^':
        return void this.varint()
      case 'N':
      case 'D':
      case 'n':
        return bytes.skip(8)
      case 'Z':
      case 'z':
        return bytes.skip(Math.floor(this.varint() / 2))
      case '"':
      case 'c':
      case 'S':
        return bytes.skip(this.varint())
      case 's':
        return this.value()
      case 'R':
        this.value()
        return void this.varint()
      case 'o':
        this.#valuesUntil('{')
        return void this.varint()
      case 'a':
        this.varint()
        this.#valuesUntil('@')
        return this.#twoVarints()
      case 'A': {
        const length = this.varint()
        bytes.reserve(length)
        for (let i = 0; i < length; i++) this.value()
        this.#valuesUntil('$')
        return this.#twoVarints()
      }
      case ';':
        this.#valuesUntil(':')
        return void this.varint()
      case "'":
        this.#valuesUntil(',')
        return void this.varint()
      case 'B':
        bytes.skip(this.varint())
        return this.#view()
      case '\\': // how Node.js stores a Buffer or another view: type, length, bytes
        this.varint()
        return bytes.skip(this.varint())
      case 'r':
        return this.#error()
      default:
        throw new CodecError('It has a value of an unknown kind.')
    }
  }

  /** Reads the kind of the next value. There may be padding before it. */
  #tag(): string {
    let byte = this.bytes.byte()
    while (byte === 0) byte = this.bytes.byte()
    return String.fromCharCode(byte)
  }

  #peekTag(): string {
    while (this.bytes.peek() === 0) this.bytes.byte()
    return String.fromCharCode(this.bytes.peek())
  }

  /** Reads keys and values, or only values, up to the end tag. */
  #valuesUntil(end: string): void {
    while (this.#peekTag() !== end) this.value()
    this.bytes.byte()
  }

  #twoVarints(): void {
    this.varint()
    this.varint()
  }

  /** Reads a view of the preceding buffer: its type, offset, length and flags. */
  #view(): void {
    if (this.bytes.ended || this.#peekTag() !== 'V') return
    this.bytes.skip(2)
    this.#twoVarints()
    this.varint()
  }

  #error(): void {
    for (;;) {
      const field = String.fromCharCode(this.varint())
      if (field === '.') return
      if ('mcs'.includes(field)) this.value()
      else if (!'EFRSTU'.includes(field))
        throw new CodecError('It has an error of an unknown kind.')
    }
  }
}

const VERSION_TAG = 0xff
/** The version of Node.js 12. */
const MIN_VERSION = 13
/** A varint with a larger factor is more than 2^53. */
const MAX_FACTOR = 2 ** 42

import { CodecError } from '../errors.js'
import { Claims } from './claims.js'

/**
 * @throws {CodecError} for bytes of V8's serializer that claim more than there is, or that are of a
 * kind that is not known here.
 *
 * Source: https://chromium.googlesource.com/v8/v8/+/main/src/objects/value-serializer.cc
 */
export function checkV8(payload: Uint8Array): void {
  const reader = new Reader(payload)
  if (reader.claims.byte() !== VERSION || reader.varint() < FIRST_KNOWN)
    throw new CodecError('It was not serialized by V8, or by one that is too old.')
  reader.value()
}

class Reader {
  readonly claims: Claims

  constructor(payload: Uint8Array) {
    this.claims = new Claims(payload)
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.claims.byte()
      if (factor <= MAX_FACTOR) value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  value(): void {
    const { claims } = this
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
        return claims.skip(8)
      case 'Z':
      case 'z':
        return claims.skip(Math.floor(this.varint() / 2))
      case '"':
      case 'c':
      case 'S':
        return claims.skip(this.varint())
      case 's':
        return this.value()
      case 'R':
        this.value()
        return void this.varint()
      case 'o':
        this.#until('{')
        return void this.varint()
      case 'a':
        this.varint()
        this.#until('@')
        return this.#two()
      case 'A': {
        const length = this.varint()
        claims.claim(length)
        for (let i = 0; i < length; i++) this.value()
        this.#until('$')
        return this.#two()
      }
      case ';':
        this.#until(':')
        return void this.varint()
      case "'":
        this.#until(',')
        return void this.varint()
      case 'B':
        claims.skip(this.varint())
        return this.#view()
      case '\\': // how Node.js stores a Buffer or another view: its type, its length, its bytes
        this.varint()
        return claims.skip(this.varint())
      case 'r':
        return this.#error()
      default:
        throw new CodecError('It has a value of a kind that is not known here.')
    }
  }

  /** The kind of the next value. Padding comes before it. */
  #tag(): string {
    let byte = this.claims.byte()
    while (byte === 0) byte = this.claims.byte()
    return String.fromCharCode(byte)
  }

  #next(): string {
    while (this.claims.peek() === 0) this.claims.byte()
    return String.fromCharCode(this.claims.peek())
  }

  /** Keys and values, or values, up to the mark. */
  #until(end: string): void {
    while (this.#next() !== end) this.value()
    this.claims.byte()
  }

  #two(): void {
    this.varint()
    this.varint()
  }

  /** A view of the buffer before it: its type, where it begins, its length, its flags. */
  #view(): void {
    if (this.claims.ended || this.#next() !== 'V') return
    this.claims.skip(2)
    this.#two()
    this.varint()
  }

  #error(): void {
    for (;;) {
      const part = String.fromCharCode(this.varint())
      if (part === '.') return
      if ('mcs'.includes(part)) this.value()
      else if (!'EFRSTU'.includes(part))
        throw new CodecError('It has an error of a kind that is not known here.')
    }
  }
}

const VERSION = 0xff
/** Of Node.js 12. */
const FIRST_KNOWN = 13
/** Beyond it a varint says more than 2^53. */
const MAX_FACTOR = 2 ** 42

import { CodecError } from '../errors.js'

/**
 * Reads bytes in which lists declare their lengths, and refuses lengths that the bytes cannot
 * contain.
 *
 * A decoder allocates memory for each declared length, also for lists inside lists, before it finds
 * out that the elements are missing. Each element takes at least one byte, so all lists together
 * cannot have more elements than there are bytes.
 */
export class BoundedReader {
  position = 0
  readonly #bytes: Uint8Array
  #remaining: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#remaining = bytes.length
  }

  get ended(): boolean {
    return this.position >= this.#bytes.length
  }

  /** Returns the next byte without consuming it. */
  peek(): number {
    if (this.ended) throw refusal()
    return this.#bytes[this.position]!
  }

  byte(): number {
    const next = this.peek()
    this.position++
    return next
  }

  /** Reads a big-endian number of the given number of bytes. */
  number(size: number): number {
    let value = 0
    for (let i = 0; i < size; i++) value = value * 256 + this.byte()
    return value
  }

  skip(bytes: number): void {
    this.position += bytes
    if (this.position > this.#bytes.length) throw refusal()
  }

  /**
   * Records that a list declares this many elements.
   * @throws {CodecError} if there cannot be that many.
   */
  reserve(elements: number): void {
    this.#remaining -= elements
    if (this.#remaining < 0) throw refusal()
  }
}

function refusal(): CodecError {
  return new CodecError('It declares more content than it has bytes.')
}

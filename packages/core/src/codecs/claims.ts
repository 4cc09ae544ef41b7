import { CodecError } from '../errors.js'

/**
 * Reads through bytes in which lists say how long they are, and refuses those that claim more than
 * can be there: whoever reads them makes room for what is claimed, again for each list inside
 * another, before it finds that there is nothing. Each element takes a byte at least, so all lists
 * together can't have more elements than there are bytes.
 */
export class Claims {
  at = 0
  readonly #bytes: Uint8Array
  #left: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#left = bytes.length
  }

  get ended(): boolean {
    return this.at >= this.#bytes.length
  }

  /** The next byte, which stays the next one. */
  peek(): number {
    if (this.ended) throw refusal()
    return this.#bytes[this.at]!
  }

  byte(): number {
    const next = this.peek()
    this.at++
    return next
  }

  /** A big-endian number of so many bytes. */
  number(size: number): number {
    let value = 0
    for (let i = 0; i < size; i++) value = value * 256 + this.byte()
    return value
  }

  skip(bytes: number): void {
    this.at += bytes
    if (this.at > this.#bytes.length) throw refusal()
  }

  /** A list says that it has so many elements. */
  claim(elements: number): void {
    this.#left -= elements
    if (this.#left < 0) throw refusal()
  }
}

function refusal(): CodecError {
  return new CodecError('It claims to hold more than there is.')
}

import { BoundedReader } from './bounded-reader.js'

/**
 * Checks MessagePack before it is decoded. The content of a list or an extension follows it, so one
 * pass over the bytes sees everything.
 *
 * @throws {CodecError} if the bytes declare more content than there is.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function checkMsgpack(payload: Uint8Array): void {
  const reader = new BoundedReader(payload)
  while (!reader.ended) {
    const kind = reader.byte()
    if (kind < 0x80 || kind >= 0xe0) continue // a small number
    if (kind < 0x90) reader.reserve(2 * (kind & 15))
    else if (kind < 0xa0) reader.reserve(kind & 15)
    else if (kind < 0xc0) reader.skip(kind & 31)
    else if (kind >= 0xdc)
      reader.reserve((kind < 0xde ? 1 : 2) * reader.number(kind % 2 === 0 ? 2 : 4))
    else {
      const [length, more] = SIZES[kind - 0xc0]!
      reader.skip((length === 0 ? 0 : reader.number(length)) + more)
    }
  }
}

/**
 * For each kind from 0xc0 on: the number of bytes that hold the length, and the number of further
 * bytes.
 */
const SIZES: readonly (readonly [length: number, more: number])[] = [
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0], // nil, unused, false, true
  [1, 0],
  [2, 0],
  [4, 0], // bin
  [1, 1],
  [2, 1],
  [4, 1], // ext, with its type
  [0, 4],
  [0, 8], // float
  [0, 1],
  [0, 2],
  [0, 4],
  [0, 8], // uint
  [0, 1],
  [0, 2],
  [0, 4],
  [0, 8], // int
  [0, 2],
  [0, 3],
  [0, 5],
  [0, 9],
  [0, 17], // fixext
  [1, 0],
  [2, 0],
  [4, 0], // str
]

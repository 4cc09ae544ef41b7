import { Claims } from './claims.js'

/**
 * @throws {CodecError} for MessagePack that claims more than there is. What a list or an extension
 * holds follows it, so one pass over the bytes sees all of it.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function checkMsgpack(payload: Uint8Array): void {
  const claims = new Claims(payload)
  while (!claims.ended) {
    const kind = claims.byte()
    if (kind < 0x80 || kind >= 0xe0) continue // a small number
    if (kind < 0x90) claims.claim(2 * (kind & 15))
    else if (kind < 0xa0) claims.claim(kind & 15)
    else if (kind < 0xc0) claims.skip(kind & 31)
    else if (kind >= 0xdc)
      claims.claim((kind < 0xde ? 1 : 2) * claims.number(kind % 2 === 0 ? 2 : 4))
    else {
      const [length, more] = SIZES[kind - 0xc0]!
      claims.skip((length === 0 ? 0 : claims.number(length)) + more)
    }
  }
}

/** From 0xc0 on: bytes that say the length, and bytes besides. */
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

/** FNV-1a of the UTF-8 bytes, 32 bits. Source: http://www.isthe.com/chongo/tech/comp/fnv/ */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return fnv1aOf(Buffer.from(text))
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  return hash
}

function fnv1aOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

/**
 * A permutation of the 32-bit numbers in which every bit of the input decides on every bit of the
 * output: the end of MurmurHash3.
 */
export function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** CRC-32 of the UTF-8 bytes, as in zlib. */
export function crc32(text: string): number {
  let crc = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return crc32Of(Buffer.from(text))
    crc = CRC[(crc ^ code) & 0xff]! ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

function crc32Of(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

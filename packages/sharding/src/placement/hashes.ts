/**
 * Returns the 32-bit FNV-1a hash of the UTF-8 bytes of a text.
 *
 * Source: http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return fnv1aOfBytes(Buffer.from(text))
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  return hash
}

/**
 * Mixes a 32-bit hash so that every bit of the input affects every bit of the output. It is the
 * finalizer of MurmurHash3, a permutation of the 32-bit numbers.
 */
export function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Returns the CRC-32 of the UTF-8 bytes of a text, as zlib computes it. */
export function crc32(text: string): number {
  let crc = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return crc32OfBytes(Buffer.from(text))
    crc = CRC_TABLE[(crc ^ code) & 0xff]! ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

function fnv1aOfBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

function crc32OfBytes(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

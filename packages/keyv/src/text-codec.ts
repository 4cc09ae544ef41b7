import { json, type Codec } from '@cache/core'

/**
 * The codec of stored values. A string is stored as it is, so that other programs can read it and
 * nothing is encoded twice. Buffers are stored as their bytes, and other values as JSON with the
 * types that `json` knows. The first byte tells them apart.
 */
export const textCodec: Codec<unknown> = {
  name: 'keyv',
  encode(value, context) {
    if (typeof value === 'string' && isPlain(value)) return value
    if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(BYTES), value])
    return JSON_TEXT + String(json.encode(value, context))
  },
  decode(payload, context) {
    const kind = String.fromCharCode(payload[0] ?? 0)
    if (kind === BYTES) return Buffer.from(payload.subarray(1))
    if (kind === JSON_TEXT) return json.decode(payload.subarray(1), context)
    return payload.toString()
  },
}

const JSON_TEXT = '\u0002'
const BYTES = '\u0003'

/** Whether UTF-8 can carry a text, and its beginning can't be taken for that of another kind. */
function isPlain(text: string): boolean {
  return text.charCodeAt(0) !== 2 && text.charCodeAt(0) !== 3 && !/\p{Surrogate}/u.test(text)
}

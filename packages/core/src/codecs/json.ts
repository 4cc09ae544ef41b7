import { isUtf8 } from 'node:buffer'
import type { Codec } from './codec.js'
import { CodecError } from '../errors.js'
import { errorWithoutMessage } from '../util/redact.js'

/**
 * JSON text, which services in any language read and write. Refused with `CodecError`: a cycle, a
 * BigInt, and a whole value that JSON has no word for (`undefined`, a function, a symbol, NaN,
 * ±Infinity). Inside an object or an array JSON's own rules hold: `toJSON` is called (a Date comes
 * back as text), NaN and ±Infinity become null, undefined properties are left out. `v8` keeps them.
 *
 * `__proto__` in the text is data: an own property, as any other. Bytes that are not UTF-8 are
 * refused, not patched up.
 *
 * @example createAside<Product>({ client, prefix: 'product', ttl: '1h', codec: json })
 */
export const json: Codec<any> = {
  name: 'json',

  encode(value: unknown, { key }) {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw refusal(key, `JSON has no ${value}`)
    const text = stringify(value, key)
    if (text === undefined)
      throw refusal(
        key,
        value === undefined ? 'it is undefined' : `JSON has no word for a ${typeof value}`,
      )
    return text
  },

  decode(payload, { key }) {
    const text = payload.toString()
    // U+FFFD is what bytes that are no UTF-8 decode to; only then is it worth to look closer.
    if (text.includes('\ufffd') && !isUtf8(payload))
      throw new CodecError(`The entry "${key}" is not UTF-8 text.`, { key })
    try {
      return JSON.parse(text)
    } catch {
      // The parser's own message quotes the text, and values stay out of messages.
      throw new CodecError(`The entry "${key}" is not JSON (${payload.length} bytes).`, { key })
    }
  },
}

function stringify(value: unknown, key: string): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw refusal(
      key,
      'it has a cycle or a BigInt, is nested too deeply, or its toJSON threw',
      errorWithoutMessage(cause),
    )
  }
}

function refusal(key: string, why: string, cause?: unknown): CodecError {
  return new CodecError(`Can't write the value of "${key}" as JSON: ${why}.`, { key, cause })
}

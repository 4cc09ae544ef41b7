import { isUtf8 } from 'node:buffer'
import type { Codec } from './codec.js'
import { CodecError } from '../errors.js'
import { errorWithoutMessage } from '../util/redact.js'

/**
 * Encodes values as JSON text, which services in any language can read and write.
 *
 * It refuses a cycle, a BigInt, and a whole value that JSON cannot represent (`undefined`, a
 * function, a symbol, NaN, ±Infinity), with a `CodecError`. Inside objects and arrays, the rules
 * of JSON apply: `toJSON` is called (a Date comes back as text), NaN and ±Infinity become null,
 * and undefined properties are left out. Use `v8` to keep them.
 *
 * `__proto__` in the text is data: it becomes an own property like any other. Bytes that are not
 * UTF-8 are refused, not repaired.
 *
 * @example createAside<Product>({ client, prefix: 'product', ttl: '1h', codec: json })
 */
export const json: Codec<any> = {
  name: 'json',

  encode(value: unknown, { key }) {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw refusal(key, `JSON cannot represent ${value}`)
    const text = stringify(value, key)
    if (text === undefined)
      throw refusal(
        key,
        value === undefined ? 'it is undefined' : `JSON cannot represent a ${typeof value}`,
      )
    return text
  },

  decode(payload, { key }) {
    const text = payload.toString()
    // Bytes that are not UTF-8 decode to U+FFFD. The bytes are only checked if the text contains
    // it.
    if (text.includes('\ufffd') && !isUtf8(payload))
      throw new CodecError(`The entry "${key}" is not UTF-8 text.`, { key })
    try {
      return JSON.parse(text)
    } catch {
      // The message of the parser quotes the text, and messages must not contain values.
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

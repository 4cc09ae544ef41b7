import { isUtf8 } from 'node:buffer'
import type { Codec } from './codec.js'
import { isPlainJson } from './plain-json.js'
import { tagValue, TooManyPartsError, UnkeepableError } from './tag-value.js'
import { untagValue } from './untag-value.js'
import { CodecError } from '../errors.js'
import { errorWithoutMessage } from '../util/redact.js'

/**
 * Encodes values as JSON text, and returns them as they were stored.
 *
 * A value that JSON can represent is stored as plain JSON text, which services in any language can
 * read and write. Other values are stored as tagged JSON after the byte 03, which no JSON text
 * begins with. They may contain `undefined`, `NaN`, `±Infinity`, `-0`, BigInt, Date, Map, Set,
 * RegExp, URL, Buffer, ArrayBuffer, DataView, typed arrays, the built-in errors with their causes
 * and other fields, and arrays with holes.
 *
 * What cannot be kept is refused with a `CodecError` that names the path to it: functions, symbols,
 * instances of other classes (also those with `toJSON`, such as Decimal), cycles, and properties of
 * arrays, maps and the like. Values with tags may be nested 500 deep.
 *
 * The following is not kept:
 *
 * - An object without a prototype comes back with `Object.prototype`.
 * - An object that occurs at two places comes back as two objects.
 * - A getter comes back as the value that it returned. Properties that are not enumerable are left
 *   out.
 * - The `lastIndex` of a RegExp is 0.
 *
 * `__proto__` in the text is data: it becomes an own property like any other. Bytes that are not
 * UTF-8 are refused, not repaired.
 *
 * @throws {CodecError} from `encode` and `decode`.
 * @example createAside<Product>({ client, prefix: 'product', ttl: '1h', codec: json })
 */
export const json: Codec<any> = {
  name: 'json',

  encode(value: unknown, { key, maxValueBytes }) {
    return plainText(value) ?? MARK + taggedText(value, key, maxValueBytes)
  },

  decode(payload, { key }) {
    const isTagged = payload[0] === MARK_BYTE
    const text = isTagged ? payload.toString('utf8', 1) : payload.toString()
    // Bytes that are not UTF-8 decode to U+FFFD. The bytes are only checked if the text contains
    // it.
    if (text.includes('\ufffd') && !isUtf8(payload))
      throw new CodecError(`The entry "${key}" is not UTF-8 text.`, { key })
    const parsed = parse(text, key, payload.length)
    return isTagged ? untag(parsed, key) : parsed
  },
}

const MARK_BYTE = 0x03
const MARK = '\x03'

/** How many objects are looked at before it is known that the value has no cycle. */
const FIRST_OBJECTS = 10_000

/** Returns the JSON text of a value, or `undefined` if the text would not be the whole value. */
function plainText(value: unknown): string | undefined {
  try {
    // This is JSON, though JSON.stringify writes 0. `increment` can add to it.
    if (Object.is(value, -0)) return '-0'
    const isPlain = isPlainJson(value, FIRST_OBJECTS)
    if (isPlain === false) return undefined
    const text = JSON.stringify(value)
    // A value that was accepted has no cycle, and no more objects than its text has characters.
    return (isPlain ?? isPlainJson(value, text.length)) ? text : undefined
  } catch {
    // The value has a cycle or is nested too deeply, or a getter threw. The tagger says where.
    return undefined
  }
}

function taggedText(value: unknown, key: string, maxValueBytes: number): string {
  try {
    return JSON.stringify(tagValue(value, maxValueBytes))
  } catch (cause) {
    if (cause instanceof TooManyPartsError)
      throw new CodecError(
        `The value of "${key}" has more parts than maxValueBytes, ${maxValueBytes}.`,
        { key, code: 'VALUE_TOO_LARGE' },
      )
    if (cause instanceof UnkeepableError)
      throw new CodecError(`Can't store the value of "${key}": ${cause.message}.`, {
        key,
        cause: cause.cause,
      })
    throw new CodecError(`Can't store the value of "${key}" as JSON.`, {
      key,
      cause: cause instanceof CodecError ? cause : errorWithoutMessage(cause),
    })
  }
}

function parse(text: string, key: string, bytes: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The message of the parser quotes the text, and messages must not contain values.
    throw new CodecError(`The entry "${key}" is not JSON (${bytes} bytes).`, { key })
  }
}

function untag(parsed: unknown, key: string): unknown {
  try {
    return untagValue(parsed)
  } catch (cause) {
    throw new CodecError(`The entry "${key}" has a value with unknown or malformed tags.`, {
      key,
      cause: cause instanceof CodecError ? cause : errorWithoutMessage(cause),
    })
  }
}

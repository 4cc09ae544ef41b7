/*
 * The text of a value that JSON cannot represent is JSON in which other types have tags. A tag is
 * an object with one property, whose name begins with `$`:
 *
 *   {"$undefined":true}           undefined
 *   {"$hole":true}                a hole of an array
 *   {"$number":"NaN"}             NaN, Infinity, -Infinity and -0
 *   {"$bigint":"42"}              a BigInt: decimal, or hexadecimal if it is very large
 *   {"$date":"2026-…"}            a Date, as ISO 8601; null is an invalid one
 *   {"$map":[[key,value],…]}      a Map
 *   {"$set":[member,…]}           a Set
 *   {"$regexp":["a+","gi"]}       a RegExp
 *   {"$url":"https://…"}          a URL
 *   {"$bytes":["Buffer","…"]}     a Buffer, a typed array, a DataView or an ArrayBuffer, in base64
 *   {"$error":["Error",{},{}]}    an Error: its class, its hidden and its enumerable properties
 *   {"$object":{"$date":1}}       an ordinary object that looks like a tag
 *
 * The text is a tree: it has no references, so a value is never larger than its text allows.
 */

/** Whether an object with these names looks like a tag. */
export function isTag(names: readonly string[]): boolean {
  return names.length === 1 && names[0]!.startsWith('$')
}

/**
 * How deep objects, arrays, maps and sets may be nested. It is far below what the stack allows, so
 * that whatever was encoded can be decoded.
 */
export const MAX_DEPTH = 500

/** BigInts with more bits are hexadecimal: parsing decimal digits takes quadratic time. */
export const MAX_DECIMAL_BITS = 1024

/** The constructors of errors, by name. */
export const ERRORS: ReadonlyMap<string, ErrorConstructor> = new Map(
  [
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
    AggregateError as unknown as ErrorConstructor,
  ].map((constructor) => [constructor.name, constructor]),
)

/** The properties of errors that are not enumerable. */
export const HIDDEN_ERROR_PROPERTIES = ['stack', 'message', 'cause', 'errors', 'name'] as const

interface BytesType {
  readonly BYTES_PER_ELEMENT?: number
  readonly prototype: object
  new (buffer: ArrayBuffer): object
}

/** The constructors of views of an ArrayBuffer, by name. */
export const VIEWS: ReadonlyMap<string, BytesType> = new Map(
  [
    Uint8Array,
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    // Node.js 24 and later.
    (globalThis as { readonly Float16Array?: BytesType }).Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].flatMap((constructor) =>
    constructor === undefined ? [] : [[constructor.name, constructor as BytesType]],
  ),
)

import { CodecError } from '../errors.js'
import {
  ERRORS,
  HIDDEN_ERROR_PROPERTIES,
  isTag,
  MAX_DECIMAL_BITS,
  MAX_DEPTH,
  VIEWS,
} from './json-tags.js'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/**
 * Returns the value of which `tagValue` made a copy. It changes `tagged`, which must be fresh from
 * `JSON.parse`, so that `__proto__` is an own property like any other.
 *
 * @throws {CodecError} if a tag is unknown or malformed, or the value is nested too deeply.
 * Built-in constructors may throw other errors.
 */
export function untagValue(tagged: unknown): unknown {
  return untag(tagged as Json, 0)
}

function untag(tagged: Json, depth: number): unknown {
  if (typeof tagged !== 'object' || tagged === null) return tagged
  if (depth > MAX_DEPTH) throw malformed()
  if (Array.isArray(tagged)) return untagElements(tagged, depth)
  const names = Object.keys(tagged)
  if (!isTag(names)) return untagProperties(tagged, names, depth)
  return untagTag(names[0]!, tagged[names[0]!]!, depth)
}

function untagElements(elements: Json[], depth: number): unknown[] {
  const untagged: unknown[] = elements
  for (const [i, element] of elements.entries()) {
    if (typeof element !== 'object' || element === null) continue
    if ('$hole' in element && Object.keys(element).length === 1) Reflect.deleteProperty(untagged, i)
    else untagged[i] = untag(element, depth + 1)
  }
  return untagged
}

function untagProperties(
  object: { [name: string]: Json },
  names: readonly string[],
  depth: number,
): object {
  const untagged: Record<string, unknown> = object
  for (const name of names) {
    const property = object[name]
    if (typeof property === 'object' && property !== null)
      untagged[name] = untag(property, depth + 1)
  }
  return untagged
}

function untagTag(name: string, content: Json, depth: number): unknown {
  switch (name) {
    case '$undefined':
      return undefined
    case '$number':
      return NUMBERS.get(content) ?? refuse()
    case '$bigint':
      return bigintOf(text(content))
    case '$date':
      return dateOf(content)
    case '$map':
      return mapOf(list(content), depth)
    case '$set':
      return new Set(untagElements(list(content), depth))
    case '$regexp': {
      const [source, flags] = list(content)
      return new RegExp(text(source), text(flags))
    }
    case '$url':
      return new URL(text(content))
    case '$bytes': {
      const [type, base64] = list(content)
      return bytesOf(text(type), text(base64))
    }
    case '$error':
      return errorOf(list(content), depth)
    case '$object':
      return untagProperties(record(content), Object.keys(record(content)), depth)
    default:
      throw malformed()
  }
}

const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
])

function bigintOf(digits: string): bigint {
  if (digits.length <= MAX_DECIMAL_BITS && /^-?\d+$/.test(digits)) return BigInt(digits)
  if (!/^-?0x[\da-f]+$/.test(digits)) throw malformed()
  return digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits)
}

function dateOf(content: Json): Date {
  if (content === null) return new Date(NaN)
  const date = new Date(text(content))
  if (Number.isNaN(date.getTime())) throw malformed()
  return date
}

function mapOf(entries: Json[], depth: number): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (const entry of entries) {
    const [key, value] = list(entry)
    map.set(untag(key ?? null, depth + 1), untag(value ?? null, depth + 1))
  }
  return map
}

function bytesOf(type: string, base64: string): object {
  const buffer = Buffer.from(base64, 'base64')
  if (type === 'Buffer') return buffer
  // The ArrayBuffer of a small Buffer is shared with others.
  const bytes = Uint8Array.from(buffer).buffer
  if (type === 'ArrayBuffer') return bytes
  const View = VIEWS.get(type)
  if (View === undefined) throw malformed()
  return new View(bytes)
}

function errorOf([type, hidden, enumerable]: Json[], depth: number): Error {
  const ErrorType = ERRORS.get(text(type))
  if (ErrorType === undefined) throw malformed()
  const error = withoutStack(() =>
    type === 'AggregateError' ? new AggregateError([]) : new ErrorType(),
  )
  for (const name of HIDDEN_ERROR_PROPERTIES) Reflect.deleteProperty(error, name)
  define(error, record(hidden), false, depth)
  define(error, record(enumerable), true, depth)
  return error
}

/** Recording a stack takes most of the time in which an error is created, and it is replaced. */
function withoutStack<T>(create: () => T): T {
  const limit = Error.stackTraceLimit
  // This has no effect where the built-in objects are frozen.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return create()
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit)
  }
}

function define(
  error: Error,
  properties: { [name: string]: Json },
  enumerable: boolean,
  depth: number,
): void {
  for (const [name, property] of Object.entries(properties))
    Object.defineProperty(error, name, {
      value: untag(property, depth + 1),
      enumerable,
      configurable: true,
      writable: true,
    })
}

function text(content: Json | undefined): string {
  return typeof content === 'string' ? content : refuse()
}

function list(content: Json): Json[] {
  return Array.isArray(content) ? content : refuse()
}

function record(content: Json | undefined): { [name: string]: Json } {
  return typeof content === 'object' && content !== null && !Array.isArray(content)
    ? content
    : refuse()
}

function refuse(): never {
  throw malformed()
}

function malformed(): CodecError {
  return new CodecError('It has a tag that is unknown or malformed, or is nested too deeply.')
}

import { createHash } from 'node:crypto'
import { InvalidOptionError } from '@cache/core'

/**
 * Returns the part of a key that stands for the arguments of a call. Different arguments never have
 * the same part; the order in which an object lists its keys makes no difference. It has at most
 * 200 characters: a longer text is replaced by its SHA-256.
 *
 * @throws {InvalidOptionError} for arguments that have no text of their own: functions, symbols,
 * instances of classes, and objects that contain themselves.
 * @example argumentKey(['chair', { page: 2 }]) // '("chair",{"page":2})'
 */
export function argumentKey(args: readonly unknown[]): string {
  const text = `(${args.map((arg) => textOf(arg, 0)).join(',')})`
  if (text.length <= MAX_LENGTH && PRINTABLE.test(text)) return text
  return `sha256-${createHash('sha256').update(text).digest('base64url')}`
}

function textOf(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw unsupported('an object of more than 100 levels')
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      return `${value}n`
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'object':
      return value === null ? 'null' : textOfObject(value, depth + 1)
    default:
      throw unsupported(`a ${typeof value}`)
  }
}

function textOfObject(value: object, depth: number): string {
  if (Array.isArray(value))
    return `[${Array.from(value, (item, i) => (i in value ? textOf(item, depth) : 'hole')).join()}]`
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (value instanceof URL) return `URL(${JSON.stringify(value.href)})`
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
    return `Uint8Array(${bytes.toString('base64')})`
  }
  if (value instanceof Map) return `Map(${textOf([...value], depth)})`
  if (value instanceof Set) return `Set(${textOf([...value], depth)})`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype)
    throw unsupported('an instance of a class')
  if (Object.getOwnPropertySymbols(value).length > 0) throw unsupported('an object with symbols')
  const properties = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, property]) => `${JSON.stringify(name)}:${textOf(property, depth)}`)
  return `{${properties.join(',')}}`
}

function unsupported(what: string): InvalidOptionError {
  return new InvalidOptionError(
    'key',
    `a function that returns the key of the arguments, because one of them is ${what}`,
  )
}

const MAX_LENGTH = 200
const MAX_DEPTH = 100
const PRINTABLE = /^[\x20-\x7e]+$/

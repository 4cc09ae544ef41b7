import { createHash } from 'node:crypto'
import type { PrismaNamespace } from './types.js'

/** Returns a hash of what names a query; `undefined` if a part of it can't be told apart. */
export function argsKey(Prisma: PrismaNamespace, parts: readonly unknown[]): string | undefined {
  let text: string
  try {
    text = encode(Prisma, parts)
  } catch (error) {
    if (error === UNKNOWN) return undefined
    throw error
  }
  return createHash('sha256').update(text).digest('base64url')
}

/** Encodes an argument so that different ones have different texts. */
function encode(Prisma: PrismaNamespace, value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined' // Prisma refuses it with strictUndefinedChecks.
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'boolean':
      return String(value)
    case 'bigint':
      return `${value}n`
    case 'object':
      return value === null ? 'null' : encodeObject(Prisma, value)
    default:
      throw UNKNOWN
  }
}

function encodeObject(Prisma: PrismaNamespace, value: object): string {
  if (Array.isArray(value)) return `[${value.map((item) => encode(Prisma, item)).join()}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    const members = Object.entries(value).map(
      ([name, member]) => `${JSON.stringify(name)}:${encode(Prisma, member)}`,
    )
    return `{${members.join()}}`
  }
  if (value instanceof Date) return `date(${value.getTime()})`
  if (value instanceof Uint8Array) return `bytes(${Buffer.from(value).toString('base64')})`
  if (Prisma.Decimal.isDecimal(value)) return `decimal(${String(value)})`
  for (const name of NULLS) if (value === Prisma[name]) return name
  const { modelName, name, typeName } = value as Partial<Record<string, unknown>>
  if ([modelName, name, typeName].every((part) => typeof part === 'string'))
    return `field(${JSON.stringify([modelName, name])})` // prisma.user.fields.name
  throw UNKNOWN
}

const UNKNOWN = Symbol('unknown')
const NULLS = ['DbNull', 'JsonNull', 'AnyNull'] as const

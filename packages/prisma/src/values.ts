import type { PrismaNamespace } from './types.js'

// A result of Prisma has plain objects, arrays, and values that the codecs keep: dates, bigints and
// bytes. A decimal is an instance of a class, and is stored as an object that marks it.

const MARK = '$prisma'

/** Returns a result as it can be stored; `undefined` if it has a value that is not known here. */
export function storable(Prisma: PrismaNamespace, result: unknown): unknown {
  try {
    return toStored(Prisma, result)
  } catch (error) {
    if (error === UNKNOWN) return undefined
    throw error
  }
}

function toStored(Prisma: PrismaNamespace, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (Array.isArray(value)) return value.map((item) => toStored(Prisma, item))
  if (value instanceof Uint8Array) return value
  if (Prisma.Decimal.isDecimal(value)) return { [MARK]: String(value) }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw UNKNOWN
  const copy = mapMembers(value, (member) => toStored(Prisma, member))
  // A JSON column may contain anything.
  return Object.hasOwn(value, MARK) ? { [MARK]: copy } : copy
}

const UNKNOWN = Symbol('unknown')

/** Returns the result that was stored: a copy of its own for each caller. */
export function restored(Prisma: PrismaNamespace, stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null) return stored
  if (stored instanceof Date) return new Date(stored)
  if (Array.isArray(stored)) return stored.map((item) => restored(Prisma, item))
  if (stored instanceof Uint8Array) return Uint8Array.from(stored)
  const restore = (member: unknown) => restored(Prisma, member)
  if (!Object.hasOwn(stored, MARK)) return mapMembers(stored, restore)
  const marked = (stored as Record<string, unknown>)[MARK]
  return typeof marked === 'string'
    ? new Prisma.Decimal(marked)
    : mapMembers(marked as object, restore)
}

function mapMembers(object: object, map: (value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]))
}

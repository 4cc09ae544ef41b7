import { LuaError, LuaTable, toNumber, toText, typeOf, type LuaValue } from './values.js'

/** `nil` and `false` are false; everything else is true. */
export function isTrue(value: LuaValue): boolean {
  return value !== undefined && value !== false
}

export function index(value: LuaValue, key: LuaValue, strings: LuaTable): LuaValue {
  if (value instanceof LuaTable) {
    const found = value.get(key)
    if (found !== undefined || value.metatable === undefined) return found
    const fallback = value.metatable.get('__index')
    if (typeof fallback === 'function') return fallback(value, key)[0]
    return fallback === undefined ? undefined : index(fallback, key, strings)
  }
  if (typeof value === 'string') return strings.get(key)
  throw new LuaError(`attempt to index a ${typeOf(value)} value (${toText(key)})`)
}

/** As Redis does, which has no globals but its own: a misspelt name is an error. */
export function global(globals: LuaTable, name: string): LuaValue {
  const value = globals.get(name)
  if (value === undefined)
    throw new LuaError(`Script attempted to access nonexistent global variable '${name}'`)
  return value
}

export function setGlobal(name: string, _: LuaValue): never {
  throw new LuaError(`Attempt to modify a readonly table (${name})`)
}

export function setIndex(value: LuaValue, key: LuaValue, to: LuaValue): void {
  if (!(value instanceof LuaTable))
    throw new LuaError(`attempt to index a ${typeOf(value)} value (${toText(key)})`)
  value.set(key, to)
}

export function call(value: LuaValue, ...args: LuaValue[]): LuaValue[] {
  if (typeof value !== 'function') throw new LuaError(`attempt to call a ${typeOf(value)} value`)
  return value(...args)
}

function operand(value: LuaValue): number {
  const number = toNumber(value)
  if (number === undefined)
    throw new LuaError(`attempt to perform arithmetic on a ${typeOf(value)} value`)
  return number
}

export const add = (a: LuaValue, b: LuaValue): number =>
  typeof a === 'number' && typeof b === 'number' ? a + b : operand(a) + operand(b)
export const subtract = (a: LuaValue, b: LuaValue): number => operand(a) - operand(b)
export const multiply = (a: LuaValue, b: LuaValue): number => operand(a) * operand(b)
export const divide = (a: LuaValue, b: LuaValue): number => operand(a) / operand(b)
export const power = (a: LuaValue, b: LuaValue): number => operand(a) ** operand(b)
export const negate = (a: LuaValue): number => -operand(a)

export function modulo(a: LuaValue, b: LuaValue): number {
  const [x, y] = [operand(a), operand(b)]
  return x - Math.floor(x / y) * y
}

export function concat(a: LuaValue, b: LuaValue): string {
  for (const value of [a, b])
    if (typeof value !== 'string' && typeof value !== 'number')
      throw new LuaError(`attempt to concatenate a ${typeOf(value)} value`)
  return toText(a) + toText(b)
}

export function lessThan(a: LuaValue, b: LuaValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b
  if (typeof a === 'string' && typeof b === 'string') return a < b
  throw new LuaError(`attempt to compare ${typeOf(a)} with ${typeOf(b)}`)
}

export function lessOrEqual(a: LuaValue, b: LuaValue): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a <= b
  if (typeof a === 'string' && typeof b === 'string') return a <= b
  throw new LuaError(`attempt to compare ${typeOf(a)} with ${typeOf(b)}`)
}

export function lengthOf(value: LuaValue): number {
  if (typeof value === 'string' || value instanceof LuaTable) return value.length
  throw new LuaError(`attempt to get length of a ${typeOf(value)} value`)
}

export function loopNumber(value: LuaValue, what: string): number {
  const number = toNumber(value)
  if (number === undefined) throw new LuaError(`'for' ${what} must be a number`)
  return number
}

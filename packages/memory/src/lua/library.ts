import { cjson } from './cjson.js'
import { cmsgpack } from './cmsgpack.js'
import { lengthOf, lessThan } from './operations.js'
import { strings } from './strings.js'
import { struct } from './struct.js'
import {
  LuaError,
  LuaTable,
  toNumber,
  toText,
  typeOf,
  stringToNumber,
  type LuaFunction,
  type LuaValue,
} from './values.js'

/** A table of functions. */
export function library(functions: Readonly<Record<string, LuaFunction | number>>): LuaTable {
  const table = new LuaTable()
  for (const [name, value] of Object.entries(functions)) table.set(name, value)
  return table
}

/** The global names that Redis gives to a script, but for `redis`, `KEYS` and `ARGV`. */
export function standardLibrary(): { readonly globals: LuaTable; readonly strings: LuaTable } {
  const globals = library(basic)
  const stringLibrary = library(strings)
  globals.set('string', stringLibrary)
  globals.set('table', library(tables))
  globals.set('math', library(mathematics))
  globals.set('cjson', library(cjson))
  globals.set('struct', library(struct))
  globals.set('cmsgpack', library(cmsgpack))
  return { globals, strings: stringLibrary }
}

function table(value: LuaValue): LuaTable {
  if (!(value instanceof LuaTable))
    throw new LuaError(`bad argument (table expected, got ${typeOf(value)})`)
  return value
}

function number(value: LuaValue): number {
  const parsed = toNumber(value)
  if (parsed === undefined)
    throw new LuaError(`bad argument (number expected, got ${typeOf(value)})`)
  return parsed
}

const next: LuaFunction = (of, key) => table(of).next(key)

const basic: Readonly<Record<string, LuaFunction>> = {
  type: (value) => [typeOf(value)],
  tostring: (value) => [toText(value)],
  tonumber(value, base) {
    if (base === undefined || number(base) === 10)
      return [
        typeof value === 'string'
          ? stringToNumber(value)
          : typeof value === 'number'
            ? value
            : undefined,
      ]
    const parsed = Number.parseInt(toText(value), number(base))
    return [Number.isNaN(parsed) ? undefined : parsed]
  },
  error: (value) => {
    throw new LuaError(value)
  },
  assert(value, message, ...rest) {
    if (value === undefined || value === false) throw new LuaError(message ?? 'assertion failed!')
    return [value, message, ...rest]
  },
  pcall(called, ...args) {
    try {
      if (typeof called !== 'function') return [false, `attempt to call a ${typeOf(called)} value`]
      return [true, ...called(...args)]
    } catch (error) {
      if (error instanceof LuaError) return [false, error.value]
      throw error
    }
  },
  next,
  pairs: (of) => [next, table(of), undefined],
  ipairs: (of) => [
    (list, i) => {
      const at = number(i) + 1
      const value = table(list).get(at)
      return value === undefined ? [undefined] : [at, value]
    },
    table(of),
    0,
  ],
  select(which, ...values) {
    if (which === '#') return [values.length]
    const at = number(which)
    return at < 0 ? values.slice(at) : values.slice(at - 1)
  },
  unpack(of, from = 1, to) {
    const list = table(of)
    const end = to === undefined ? list.length : number(to)
    const values: LuaValue[] = []
    for (let i = number(from); i <= end; i++) values.push(list.get(i))
    return values
  },
  setmetatable(of, metatable) {
    table(of).metatable = metatable === undefined ? undefined : table(metatable)
    return [of]
  },
  getmetatable: (of) => [of instanceof LuaTable ? of.metatable : undefined],
  rawget: (of, key) => [table(of).get(key)],
  rawset: (of, key, value) => (table(of).set(key, value), [of]),
  rawequal: (a, b) => [a === b],
}

const tables: Readonly<Record<string, LuaFunction>> = {
  concat(of, separator = '', from = 1, to) {
    const list = table(of)
    const parts: string[] = []
    for (let i = number(from); i <= (to === undefined ? list.length : number(to)); i++) {
      const value = list.get(i)
      if (typeof value !== 'string' && typeof value !== 'number')
        throw new LuaError(`invalid value (${typeOf(value)}) at index ${i} in table for 'concat'`)
      parts.push(toText(value))
    }
    return [parts.join(toText(separator))]
  },
  insert(of, ...rest) {
    const list = table(of)
    if (rest.length === 1) list.set(list.length + 1, rest[0])
    else {
      for (let i = list.length; i >= number(rest[0]); i--) list.set(i + 1, list.get(i))
      list.set(number(rest[0]), rest[1])
    }
    return []
  },
  remove(of, position) {
    const list = table(of)
    const end = list.length
    const at = position === undefined ? end : number(position)
    if (end === 0) return [undefined]
    const removed = list.get(at)
    for (let i = at; i < end; i++) list.set(i, list.get(i + 1))
    list.set(end, undefined)
    return [removed]
  },
  sort(of, order) {
    const list = table(of)
    const isBefore = (a: LuaValue, b: LuaValue): boolean =>
      typeof order === 'function' ? order(a, b)[0] === true : lessThan(a, b)
    const values = Array.from({ length: lengthOf(list) }, (_, i) => list.get(i + 1))
    values.sort((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0))
    for (const [i, value] of values.entries()) list.set(i + 1, value)
    return []
  },
  getn: (of) => [table(of).length],
}

const mathematics: Readonly<Record<string, LuaFunction | number>> = {
  abs: (x) => [Math.abs(number(x))],
  ceil: (x) => [Math.ceil(number(x))],
  floor: (x) => [Math.floor(number(x))],
  fmod: (a, b) => [number(a) % number(b)],
  max: (...all) => [Math.max(...all.map(number))],
  min: (...all) => [Math.min(...all.map(number))],
  sqrt: (x) => [Math.sqrt(number(x))],
  pow: (x, y) => [number(x) ** number(y)],
  exp: (x) => [Math.exp(number(x))],
  log: (x) => [Math.log(number(x))],
  modf: (x) => [Math.trunc(number(x)), number(x) % 1],
  random: (from, to) => {
    if (from === undefined) return [Math.random()]
    const [low, high] = to === undefined ? [1, number(from)] : [number(from), number(to)]
    return [low + Math.floor(Math.random() * (high - low + 1))]
  },
  huge: Infinity,
  pi: Math.PI,
}

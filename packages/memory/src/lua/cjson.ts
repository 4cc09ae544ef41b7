import { LuaError, LuaTable, formatGeneral, type LuaFunction, type LuaValue } from './values.js'

/** What `null` of JSON becomes in Lua; only compared. */
const NULL: LuaFunction = () => []

/** The part of Redis' `cjson` library that scripts use. */
export const cjson: Readonly<Record<string, LuaFunction>> = {
  null: NULL,
  encode: (value) => [encode(value, 0)],
  decode(text) {
    if (typeof text !== 'string') throw new LuaError('bad argument (string expected)')
    try {
      return [decode(JSON.parse(Buffer.from(text, 'latin1').toString()))]
    } catch {
      throw new LuaError('Expected value but found invalid token')
    }
  },
}

function encode(value: LuaValue, depth: number): string {
  if (depth > 1_000) throw new LuaError('Cannot serialise, excessive depth')
  if (value === undefined || value === NULL) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value))
      throw new LuaError('Cannot serialise number: must not be NaN or Inf')
    return formatGeneral(value, 14)
  }
  if (typeof value === 'string') return quote(value)
  if (!(value instanceof LuaTable))
    throw new LuaError(`Cannot serialise ${typeof value}: type not supported`)
  const entries: [LuaValue, LuaValue][] = []
  for (let [key, item] = value.next(undefined); key !== undefined; [key, item] = value.next(key))
    entries.push([key, item])
  if (
    entries.length > 0 &&
    entries.every(([key]) => typeof key === 'number' && key >= 1 && key <= value.length)
  )
    return `[${value.list.map((item) => encode(item, depth + 1)).join(',')}]`
  const members = entries.map(([key, item]) => {
    const name = typeof key === 'number' ? formatGeneral(key, 14) : (key as string)
    return `${quote(name)}:${encode(item, depth + 1)}`
  })
  return `{${members.join(',')}}`
}

/** As cjson writes it: bytes from 0x80 on as they are, and `/` with a backslash. */
function quote(text: string): string {
  const escaped = text.replace(/["\\/\0-\x1f\x7f]/g, (one) => {
    const short = {
      '"': '\\"',
      '\\': '\\\\',
      '/': '\\/',
      '\b': '\\b',
      '\f': '\\f',
      '\n': '\\n',
      '\r': '\\r',
      '\t': '\\t',
    }[one]
    return short ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `"${escaped}"`
}

function decode(value: unknown): LuaValue {
  if (value === null) return NULL
  if (typeof value === 'boolean' || typeof value === 'number') return value
  if (typeof value === 'string') return Buffer.from(value).toString('latin1')
  if (Array.isArray(value)) return LuaTable.of(value.map(decode))
  const table = new LuaTable()
  for (const [key, item] of Object.entries(value as Record<string, unknown>))
    table.set(Buffer.from(key).toString('latin1'), decode(item))
  return table
}

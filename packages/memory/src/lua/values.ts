/**
 * The values of Lua 5.1 in JavaScript. `nil` is `undefined`; strings have one character per byte
 * (latin1), so that they carry any bytes; functions take their arguments and return an array of
 * results.
 */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction
export type LuaFunction = (...args: LuaValue[]) => LuaValue[]

/** An error raised by `error(value)`, or by an operation on values of a wrong type. */
export class LuaError extends Error {
  readonly value: LuaValue

  constructor(value: LuaValue) {
    super(typeof value === 'string' ? value : 'a Lua error')
    this.value = value
  }
}

/** A table: a list of values from 1 up, and a map of all other keys. */
export class LuaTable {
  readonly list: LuaValue[] = []
  readonly #map = new Map<LuaValue, LuaValue>()
  metatable: LuaTable | undefined
  /** The keys of the map, in order, while `next` walks over them. */
  #walk: LuaValue[] | undefined
  #walkAt: Map<LuaValue, number> | undefined

  static of(values: readonly LuaValue[]): LuaTable {
    const table = new LuaTable()
    for (const [i, value] of values.entries()) table.set(i + 1, value)
    return table
  }

  get(key: LuaValue): LuaValue {
    if (typeof key === 'number' && key >= 1 && key <= this.list.length && Number.isInteger(key))
      return this.list[key - 1]
    return this.#map.get(key)
  }

  set(key: LuaValue, value: LuaValue): void {
    if (key === undefined) throw new LuaError('table index is nil')
    if (typeof key === 'number') {
      if (Number.isNaN(key)) throw new LuaError('table index is NaN')
      if (key === this.list.length + 1) return this.#append(key, value)
      if (key >= 1 && key <= this.list.length && Number.isInteger(key)) {
        this.list[key - 1] = value
        if (value === undefined && key === this.list.length) this.#trim()
        return
      }
    }
    if (value === undefined) this.#map.delete(key)
    else {
      if (!this.#map.has(key)) this.#walk = undefined
      this.#map.set(key, value)
    }
  }

  /** `#table`: a border, as Lua defines it. */
  get length(): number {
    return this.list.length
  }

  /** The key after this one and its value; nothing after the last one. */
  next(key: LuaValue): LuaValue[] {
    let index = 0
    const inList =
      key === undefined || (typeof key === 'number' && this.list[key - 1] !== undefined)
    if (inList) {
      for (let i = key === undefined ? 0 : (key as number); i < this.list.length; i++)
        if (this.list[i] !== undefined) return [i + 1, this.list[i]]
    } else index = (this.#walkAt?.get(key) ?? -1) + 1
    if (this.#walk === undefined || index === 0) {
      this.#walk = [...this.#map.keys()]
      this.#walkAt = new Map(this.#walk.map((each, i) => [each, i]))
    }
    for (; index < this.#walk.length; index++) {
      const value = this.#map.get(this.#walk[index])
      if (value !== undefined) return [this.#walk[index], value]
    }
    return [undefined]
  }

  #append(key: number, value: LuaValue): void {
    if (value === undefined) return void this.#map.delete(key)
    this.list.push(value)
    this.#map.delete(key)
    while (this.#map.size > 0 && this.#map.has(this.list.length + 1)) {
      const next = this.list.length + 1
      this.list.push(this.#map.get(next))
      this.#map.delete(next)
    }
  }

  #trim(): void {
    while (this.list.length > 0 && this.list.at(-1) === undefined) this.list.pop()
  }
}

export function typeOf(value: LuaValue): string {
  if (value === undefined) return 'nil'
  if (value instanceof LuaTable) return 'table'
  return typeof value
}

/** A number as Lua 5.1 writes it: `%.14g`. */
export function numberToString(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15)
    return Object.is(value, -0) ? '-0' : String(value)
  return formatGeneral(value, 14)
}

/** C's `%.<precision>g`. */
export function formatGeneral(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const digits = Math.max(1, precision)
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string]
  const power = Number(exponent)
  const strip = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)
  if (power < -4 || power >= digits)
    return `${strip(mantissa)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  return strip(value.toFixed(digits - 1 - power))
}

/** What `tonumber` makes of a text; `undefined` where it is no number. */
export function stringToNumber(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed)
  const hex = /^([+-]?)0x([0-9a-f]+)$/i.exec(trimmed)
  if (hex) return (hex[1] === '-' ? -1 : 1) * Number.parseInt(hex[2]!, 16)
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed)
  if (!special) return undefined
  if (special[2]!.toLowerCase() === 'nan') return NaN
  return special[1] === '-' ? -Infinity : Infinity
}

export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' ? stringToNumber(value) : undefined
}

export function toText(value: LuaValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberToString(value)
  if (value === undefined) return 'nil'
  if (typeof value === 'boolean') return String(value)
  return `${typeOf(value)}: 0x0`
}

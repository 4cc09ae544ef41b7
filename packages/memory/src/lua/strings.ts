import { match } from './patterns.js'
import {
  LuaError,
  LuaTable,
  formatGeneral,
  numberToString,
  toNumber,
  toText,
  typeOf,
  type LuaFunction,
  type LuaValue,
} from './values.js'

function text(value: LuaValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberToString(value)
  throw new LuaError(`bad argument (string expected, got ${typeOf(value)})`)
}

function number(value: LuaValue, otherwise?: number): number {
  if (value === undefined && otherwise !== undefined) return otherwise
  const parsed = toNumber(value)
  if (parsed === undefined)
    throw new LuaError(`bad argument (number expected, got ${typeOf(value)})`)
  return parsed
}

/** Positions from 1, or from the end where negative, as a slice from 0. */
function slice(length: number, from: number, to: number): [start: number, end: number] {
  const start = from < 0 ? Math.max(length + from, 0) : Math.max(from, 1) - 1
  const end = to < 0 ? length + to + 1 : Math.min(to, length)
  return [start, end]
}

function captures(found: NonNullable<ReturnType<typeof match>>, of: string): LuaValue[] {
  return found.captures.length > 0 ? [...found.captures] : [of.slice(found.start, found.end)]
}

/** Lua's `string` library. */
export const strings: Readonly<Record<string, LuaFunction>> = {
  byte(of, from = 1, to = from) {
    const value = text(of)
    const [start, end] = slice(value.length, number(from), number(to))
    return Array.from(value.slice(start, end), (one) => one.charCodeAt(0))
  },
  char: (...codes) => [String.fromCharCode(...codes.map((code) => number(code)))],
  find(of, what, from = 1, plain) {
    const [value, pattern] = [text(of), text(what)]
    const [start] = slice(value.length, number(from), -1)
    if (plain !== undefined && plain !== false) {
      const at = value.indexOf(pattern, start)
      return at < 0 ? [undefined] : [at + 1, at + pattern.length]
    }
    const found = match(value, pattern, start)
    return found ? [found.start + 1, found.end, ...found.captures] : [undefined]
  },
  format: (template, ...values) => [format(text(template), values)],
  gmatch(of, what) {
    const [value, pattern] = [text(of), text(what)]
    let from = 0
    return [
      () => {
        if (from > value.length) return [undefined]
        const found = match(value, pattern, from)
        if (!found) return [undefined]
        from = found.end > found.start ? found.end : found.end + 1
        return captures(found, value)
      },
    ]
  },
  gsub(of, what, by, most) {
    const [value, pattern] = [text(of), text(what)]
    const limit = number(most, Infinity)
    let [result, from, count] = ['', 0, 0]
    while (count < limit) {
      const found = match(value, pattern, from)
      if (!found) break
      count++
      result +=
        value.slice(from, found.start) +
        replacement(by, captures(found, value), value.slice(found.start, found.end))
      if (found.end > found.start) from = found.end
      else {
        result += value.slice(found.end, found.end + 1)
        from = found.end + 1
        if (from > value.length) break
      }
      if (pattern.startsWith('^')) break
    }
    return [result + value.slice(from), count]
  },
  len: (of) => [text(of).length],
  lower: (of) => [text(of).replace(/[A-Z]/g, (letter) => letter.toLowerCase())],
  upper: (of) => [text(of).replace(/[a-z]/g, (letter) => letter.toUpperCase())],
  match(of, what, from = 1) {
    const [value, pattern] = [text(of), text(what)]
    const found = match(value, pattern, slice(value.length, number(from), -1)[0])
    return found ? captures(found, value) : [undefined]
  },
  rep: (of, times) => [text(of).repeat(Math.max(0, number(times)))],
  reverse: (of) => [Array.from(text(of)).reverse().join('')],
  sub(of, from = 1, to = -1) {
    const value = text(of)
    const [start, end] = slice(value.length, number(from), number(to))
    return [start < end ? value.slice(start, end) : '']
  },
}

function replacement(by: LuaValue, found: readonly LuaValue[], whole: string): string {
  let value: LuaValue
  if (typeof by === 'string' || typeof by === 'number')
    return text(by).replace(/%(.)/gs, (_, what: string) =>
      what === '0' ? whole : /\d/.test(what) ? toText(found[Number(what) - 1]) : what,
    )
  if (by instanceof LuaTable) value = by.get(found[0])
  else if (typeof by === 'function') value = by(...found)[0]
  return value === undefined || value === false ? whole : toText(value)
}

function format(template: string, values: readonly LuaValue[]): string {
  let at = 0
  return template.replace(
    /%([-+ #0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, kind: string) => {
      if (kind === '%') return '%'
      const value = values[at++]
      const digits = precision === undefined ? undefined : Number(precision)
      const written = convert(kind, value, digits, flags)
      if (written.length >= Number(width)) return written
      if (flags.includes('-')) return written.padEnd(Number(width))
      if (!flags.includes('0') || kind === 's') return written.padStart(Number(width))
      const sign = /^[+-]/.exec(written)?.[0] ?? ''
      return sign + written.slice(sign.length).padStart(Number(width) - sign.length, '0')
    },
  )
}

function convert(kind: string, value: LuaValue, digits: number | undefined, flags: string): string {
  if (kind === 's') return toText(value).slice(0, digits)
  if (kind === 'q') return JSON.stringify(text(value))
  const amount = number(value)
  const signed = (written: string): string =>
    flags.includes('+') && amount >= 0 ? `+${written}` : written
  switch (kind) {
    case 'd':
    case 'i':
    case 'u':
      return signed(
        Math.trunc(amount).toLocaleString('en', { useGrouping: false, maximumFractionDigits: 0 }),
      )
    case 'c':
      return String.fromCharCode(amount)
    case 'x':
      return Math.trunc(amount).toString(16)
    case 'X':
      return Math.trunc(amount).toString(16).toUpperCase()
    case 'o':
      return Math.trunc(amount).toString(8)
    case 'e':
      return signed(amount.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, 'e$10$2'))
    case 'f':
      return signed(fixed(amount, digits ?? 6))
    case 'g':
      return signed(formatGeneral(amount, digits ?? 6))
    default:
      throw new LuaError(`invalid option '%${kind}' to 'format'`)
  }
}

/** `toFixed` writes numbers from 1e21 on in another form. */
function fixed(amount: number, digits: number): string {
  if (!Number.isFinite(amount)) return Number.isNaN(amount) ? 'nan' : amount > 0 ? 'inf' : '-inf'
  if (Math.abs(amount) < 1e21) return amount.toFixed(digits)
  return `${BigInt(amount)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`
}

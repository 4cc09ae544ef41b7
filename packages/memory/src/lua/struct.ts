import { LuaError, toNumber, toText, type LuaFunction, type LuaValue } from './values.js'

interface Field {
  readonly kind: string
  readonly size: number
  readonly isBig: boolean
}

/** The part of Redis' `struct` library that packs integers, doubles and bytes. */
export const struct: Readonly<Record<string, LuaFunction>> = {
  pack(layout, ...values) {
    let packed = ''
    for (const [i, field] of fieldsOf(toText(layout)).entries()) packed += write(field, values[i])
    return [packed]
  },
  unpack(layout, from, start = 1) {
    const bytes = Buffer.from(toText(from), 'latin1')
    let at = (toNumber(start) ?? 1) - 1
    const values: LuaValue[] = []
    for (const field of fieldsOf(toText(layout))) {
      if (at + field.size > bytes.length) throw new LuaError('data string too short')
      values.push(read(field, bytes.subarray(at, at + field.size)))
      at += field.size
    }
    return [...values, at + 1]
  },
}

function fieldsOf(layout: string): Field[] {
  let isBig = false
  const fields: Field[] = []
  for (const [, kind, size] of layout.matchAll(/([<>!=a-zA-Z])(\d*)/g)) {
    if (kind === '>') isBig = true
    else if (kind === '<') isBig = false
    else if ('iI'.includes(kind!)) fields.push({ kind: kind!, size: Number(size || 4), isBig })
    else if (kind === 'd') fields.push({ kind, size: 8, isBig })
    else if (kind === 'f') fields.push({ kind, size: 4, isBig })
    else if ('bB'.includes(kind!)) fields.push({ kind: kind === 'b' ? 'i' : 'I', size: 1, isBig })
    else if ('hH'.includes(kind!)) fields.push({ kind: kind === 'h' ? 'i' : 'I', size: 2, isBig })
    else if ('lL'.includes(kind!)) fields.push({ kind: kind === 'l' ? 'i' : 'I', size: 8, isBig })
    else if (kind === 'c') fields.push({ kind, size: Number(size || 1), isBig })
    else throw new LuaError(`invalid format option '${kind}'`)
  }
  return fields
}

function write({ kind, size, isBig }: Field, value: LuaValue): string {
  if (kind === 'c') return toText(value).slice(0, size)
  const number = toNumber(value)
  if (number === undefined) throw new LuaError('bad argument (number expected)')
  const bytes = Buffer.alloc(size)
  if (kind === 'd') isBig ? bytes.writeDoubleBE(number) : bytes.writeDoubleLE(number)
  else if (kind === 'f') isBig ? bytes.writeFloatBE(number) : bytes.writeFloatLE(number)
  else {
    let rest = BigInt.asUintN(8 * size, BigInt(Math.trunc(number)))
    for (let i = 0; i < size; i++, rest >>= 8n)
      bytes[isBig ? size - 1 - i : i] = Number(rest & 255n)
  }
  return bytes.toString('latin1')
}

function read({ kind, size, isBig }: Field, bytes: Buffer): LuaValue {
  if (kind === 'c') return bytes.toString('latin1')
  if (kind === 'd') return isBig ? bytes.readDoubleBE() : bytes.readDoubleLE()
  if (kind === 'f') return isBig ? bytes.readFloatBE() : bytes.readFloatLE()
  let value = 0n
  for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(bytes[isBig ? i : size - 1 - i]!)
  return Number(kind === 'i' ? BigInt.asIntN(8 * size, value) : value)
}

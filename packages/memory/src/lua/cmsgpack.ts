import { LuaError, LuaTable, toText, type LuaFunction, type LuaValue } from './values.js'

/** The part of Redis' `cmsgpack` library for lists, maps, strings, numbers and booleans. */
export const cmsgpack: Readonly<Record<string, LuaFunction>> = {
  pack: (...values) => [values.map((value) => pack(value)).join('')],
  unpack(packed) {
    const reader = new Reader(Buffer.from(toText(packed), 'latin1'))
    const values: LuaValue[] = []
    while (!reader.isAtEnd) values.push(reader.value())
    return values
  },
}

function bytes(...all: number[]): string {
  return String.fromCharCode(...all)
}

function sized(
  short: [first: number, most: number] | undefined,
  wide: readonly [width: number, tag: number][],
  size: number,
): string {
  if (short && size <= short[1]) return bytes(short[0] | size)
  const [width, tag] = wide.find(([w]) => size < 2 ** (8 * w)) ?? wide.at(-1)!
  const head = Buffer.alloc(width)
  head.writeUIntBE(size, 0, width)
  return bytes(tag) + head.toString('latin1')
}

function pack(value: LuaValue): string {
  if (value === undefined) return bytes(0xc0)
  if (typeof value === 'boolean') return bytes(value ? 0xc3 : 0xc2)
  if (typeof value === 'string')
    return (
      sized(
        [0xa0, 31],
        [
          [1, 0xd9],
          [2, 0xda],
          [4, 0xdb],
        ],
        value.length,
      ) + value
    )
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value < 128) return bytes(value)
    const head = Buffer.alloc(8)
    if (!Number.isSafeInteger(value)) {
      head.writeDoubleBE(value)
      return bytes(0xcb) + head.toString('latin1')
    }
    head.writeBigInt64BE(BigInt(value))
    return bytes(0xd3) + head.toString('latin1')
  }
  if (!(value instanceof LuaTable)) throw new LuaError('cmsgpack: this type can not be packed')
  const entries: [LuaValue, LuaValue][] = []
  for (let [key, item] = value.next(undefined); key !== undefined; [key, item] = value.next(key))
    entries.push([key, item])
  if (entries.length === value.length)
    return (
      sized(
        [0x90, 15],
        [
          [2, 0xdc],
          [4, 0xdd],
        ],
        value.length,
      ) + Array.from({ length: value.length }, (_, i) => pack(value.get(i + 1))).join('')
    )
  return (
    sized(
      [0x80, 15],
      [
        [2, 0xde],
        [4, 0xdf],
      ],
      entries.length,
    ) + entries.map(([key, item]) => pack(key) + pack(item)).join('')
  )
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(packed: Buffer) {
    this.#bytes = packed
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  value(): LuaValue {
    const tag = this.#number(1)
    if (tag < 0x80) return tag
    if (tag < 0x90) return this.#map(tag & 15)
    if (tag < 0xa0) return this.#list(tag & 15)
    if (tag < 0xc0) return this.#text(tag & 31)
    if (tag >= 0xe0) return tag - 256
    switch (tag) {
      case 0xc0:
        return undefined
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xd9:
        return this.#text(this.#number(1))
      case 0xc5:
      case 0xda:
        return this.#text(this.#number(2))
      case 0xc6:
      case 0xdb:
        return this.#text(this.#number(4))
      case 0xca:
        return this.#take(4).readFloatBE()
      case 0xcb:
        return this.#take(8).readDoubleBE()
      case 0xcc:
        return this.#number(1)
      case 0xcd:
        return this.#number(2)
      case 0xce:
        return this.#number(4)
      case 0xcf:
        return Number(this.#take(8).readBigUInt64BE())
      case 0xd0:
        return this.#take(1).readInt8()
      case 0xd1:
        return this.#take(2).readInt16BE()
      case 0xd2:
        return this.#take(4).readInt32BE()
      case 0xd3:
        return Number(this.#take(8).readBigInt64BE())
      case 0xdc:
        return this.#list(this.#number(2))
      case 0xdd:
        return this.#list(this.#number(4))
      case 0xde:
        return this.#map(this.#number(2))
      case 0xdf:
        return this.#map(this.#number(4))
      default:
        throw new LuaError('Bad data format in input.')
    }
  }

  #list(size: number): LuaTable {
    return LuaTable.of(Array.from({ length: size }, () => this.value()))
  }

  #map(size: number): LuaTable {
    const table = new LuaTable()
    for (let i = 0; i < size; i++) {
      const key = this.value()
      table.set(key, this.value())
    }
    return table
  }

  #text(size: number): string {
    return this.#take(size).toString('latin1')
  }

  #number(width: number): number {
    return this.#take(width).readUIntBE(0, width)
  }

  #take(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw new LuaError('Missing bytes in input.')
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }
}

import { serialize } from 'node:v8'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressed, json, msgpack, v8, type Codec } from '../src/index.js'
import { Undecodable, createFormat } from '../src/internal.js'
import { checkV8 } from '../src/codecs/v8-check.js'
import { checkMsgpack } from '../src/codecs/msgpack-check.js'

const bytes = (payload: string | Buffer): Buffer => Buffer.from(payload as string)
const context = { key: 'k', maxValueBytes: 8 * 1024 * 1024 }

/** Nested lists, each of which declares as many elements as there are bytes left. */
function nestedV8(size: number): Buffer {
  const bomb = Buffer.alloc(size, 0x5f)
  bomb.set([0xff, 0x0f])
  for (let i = 0, at = 2; i < Math.min(6_000, size / 8); i++, at += 4) {
    const length = size - at - 6
    bomb.set([0x41, (length & 127) | 128, ((length >> 7) & 127) | 128, (length >> 14) & 127], at)
  }
  return bomb
}

const nestedMsgpack = (claim: number, count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, () => {
      const one = Buffer.from([0xdd, 0, 0, 0, 0])
      one.writeUInt32BE(claim, 1)
      return one
    }),
  )

describe('bytes that declare more content than there is', () => {
  it.each<[string, Codec<any>, Buffer]>([
    ['v8: lists in lists', v8, nestedV8(200_000)],
    ['v8: a list of 2^32', v8, Buffer.from([0xff, 0x0f, 0x41, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    [
      'v8: lists in lists, in a map',
      v8,
      Buffer.concat([Buffer.from([0xff, 0x0f, 0x3b]), nestedV8(100_000).subarray(2)]),
    ],
    ['v8: no version', v8, nestedV8(1_000).subarray(2)],
    [
      'v8: lists in lists of an old version',
      v8,
      Buffer.concat([Buffer.from([0xff, 0x09]), nestedV8(100_000).subarray(2)]),
    ],
    ['v8: a string of 2^32', v8, Buffer.from([0xff, 0x0f, 0x22, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['v8: an endless number', v8, Buffer.alloc(100_000, 0xff)],
    [
      'v8: a buffer that may grow to 2^40',
      v8,
      Buffer.from([0xff, 0x0f, 0x7e, 0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]),
    ],
    ['msgpack: a list of 2^32', msgpack, nestedMsgpack(2 ** 32 - 1, 1)],
    ['msgpack: lists in lists', msgpack, nestedMsgpack(30_000_000, 1_000)],
    [
      'msgpack: maps in maps',
      msgpack,
      Buffer.concat(Array.from({ length: 100 }, () => Buffer.from([0xdf, 1, 0xc9, 0xc3, 0x80]))),
    ],
    [
      'msgpack: lists behind a set',
      msgpack,
      Buffer.concat([Buffer.from([0xd4, 0x73, 0x00]), nestedMsgpack(30_000_000, 1_000)]),
    ],
    [
      'msgpack: lists behind a text',
      msgpack,
      Buffer.concat([Buffer.from([0x92, 0xa1, 0x78]), nestedMsgpack(30_000_000, 1_000)]),
    ],
    [
      'compressed: a bomb in v8',
      compressed(v8),
      Buffer.concat([Buffer.from([2, 1]), deflateRawSync(nestedV8(200_000))]),
    ],
  ])('%s', (_, codec, bomb) => {
    const before = process.memoryUsage().heapTotal
    expect(createFormat<any>({ codec }).decode('k', bomb)).toMatchObject({ reason: 'codec' })
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(200_000_000)
  })

  it.each<[string, Codec<any>, Buffer]>([
    ['json', json, Buffer.from('['.repeat(4_000_000))],
    ['json, closed', json, Buffer.from('['.repeat(2_000_000) + ']'.repeat(2_000_000))],
    ['msgpack', msgpack, Buffer.alloc(4_000_000, 0x91)],
    [
      'v8',
      v8,
      Buffer.concat([Buffer.from([0xff, 0x0f]), Buffer.from('6f2201'.repeat(1_000_000), 'hex')]),
    ],
    [
      'v8, lists',
      v8,
      Buffer.concat([Buffer.from([0xff, 0x0f]), Buffer.from('4101'.repeat(1_000_000), 'hex')]),
    ],
  ])('a value that is nested too deeply is a miss: %s', (_, codec, deep) => {
    const decoded = createFormat<any>({ codec }).decode('k', deep)
    expect(decoded instanceof Undecodable || 'value' in (decoded as object)).toBe(true)
  })
})

describe('serialized values are read', () => {
  const leaf = fc.oneof(
    fc.constantFrom(
      undefined,
      null,
      true,
      false,
      NaN,
      -0,
      2 ** 40,
      -1,
      0.5,
      'A',
      'ümläut',
      '\u0000\u4e2d',
      new Date(5),
      /a+/gi,
      10n ** 40n,
      -1n,
      Object(true) as object,
      Object('s') as object,
      Object(7) as object,
      Object(7n) as object,
    ),
    fc.string({ unit: 'binary' }),
    fc.bigInt(),
    fc.double(),
    fc.integer(),
    fc.uint8Array().map((each) => Buffer.from(each)),
    fc.float64Array(),
    fc.uint16Array(),
    fc.uint8Array().map((each) => each.buffer.slice(0)),
    fc.constantFrom(
      new Error('plain'),
      new TypeError('typed', { cause: new RangeError('A cause') }),
      new DataView(new ArrayBuffer(9), 3, 4),
      new Uint32Array(new ArrayBuffer(16), 4, 2),
    ),
  )
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value')),
      fc.sparseArray(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
      fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
      fc.array(tie('value')).map((all) => new Set(all)),
    ),
  })).value

  it('v8: any value', () => {
    fc.assert(
      fc.property(value, (one) => checkV8(serialize(one))),
      { numRuns: process.env.CHAOS ? 20_000 : 1_000 },
    )
    const cyclic: unknown[] = [1]
    cyclic.push(cyclic, { cyclic })
    Object.assign(cyclic, { named: 'x' })
    for (const one of [
      cyclic,
      new Array(100_000),
      Array.from({ length: 100_000 }, (_, i) => i),
      'x'.repeat(100_000),
      [, 1, , 2],
    ])
      checkV8(serialize(one))
  })

  it('msgpack: any value', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withDate: true,
          withSet: true,
          withTypedArray: true,
          withBigInt: false,
          withSparseArray: true,
          withNullPrototype: true,
        }),
        (one) => checkMsgpack(bytes(msgpack.encode(one, context))),
      ),
      { numRuns: process.env.CHAOS ? 20_000 : 1_000 },
    )
    for (const one of [
      new Error('x'),
      /x/g,
      new Set([new Set([1])]),
      Array.from({ length: 70_000 }, (_, i) => ({ i, text: 'A'.repeat(i % 300) })),
      Buffer.alloc(70_000, 0xdd),
      'ü'.repeat(70_000),
    ])
      checkMsgpack(bytes(msgpack.encode(one, context)))
  })
})

import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CodecError,
  InvalidOptionError,
  compressed,
  encrypted,
  json,
  msgpack,
  v8,
  type Codec,
} from '../src/index.js'
import { Undecodable, createFormat } from '../src/internal.js'

const RUNS = process.env.CHAOS ? 100_000 : 2_000
const context = { key: 'k', maxValueBytes: 1_000_000 }
const secret = (byte: number): Buffer => Buffer.alloc(32, byte)
const bytes = (payload: string | Buffer): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : payload

const codecs: readonly Codec<any>[] = [
  json,
  v8,
  msgpack,
  compressed(json, { threshold: 1 }),
  compressed(msgpack, { threshold: 1, algorithm: 'brotli' }),
  encrypted(json, { keys: { a: secret(1) } }),
  encrypted(compressed(v8, { threshold: 64 }), { keys: { a: secret(1) } }),
]

describe.each(codecs)('$name', (codec) => {
  const format = createFormat<any>({ codec })

  it('returns any JSON value unchanged', () => {
    fc.assert(
      fc.property(
        fc
          .jsonValue({ noUnicodeString: false })
          .filter((value) => value !== null && !JSON.stringify(value).includes('__proto__')),
        (value) => {
          const plain = JSON.parse(JSON.stringify(value)) as unknown
          const decoded = format.decode('k', bytes(format.encode('k', plain)))
          expect(decoded).toMatchObject({ value: plain })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('treats any bytes as a value or a miss, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        const decoded = format.decode('k', Buffer.from(noise))
        expect(decoded instanceof Undecodable || typeof decoded === 'object').toBe(true)
      }),
      { numRuns: RUNS },
    )
  })

  it('refuses values that it cannot encode with CodecError', () => {
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    if (codec.name.includes('v8')) expect(() => format.encode('k', () => 1)).toThrow(CodecError)
    else expect(() => format.encode('k', cyclic)).toThrow(CodecError)
  })

  it('lets no entry reach a prototype', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":{"polluted":1}}}}',
    ) as object
    const decoded = format.decode('k', bytes(format.encode('k', hostile)))
    expect(decoded).not.toBeInstanceOf(Undecodable)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect((decoded as { value: { polluted?: unknown } }).value.polluted).toBeUndefined()
  })
})

describe('v8 and msgpack', () => {
  it.each([v8, msgpack])('$name keeps values that JSON cannot represent', (codec) => {
    const value = {
      at: new Date(5),
      map: new Map([['a', 1]]),
      set: new Set([1]),
      none: undefined,
      nan: NaN,
      bytes: Buffer.from([1, 2]),
    }
    const decoded = codec.decode(bytes(codec.encode(value, context)), context) as typeof value
    expect(decoded.at).toEqual(value.at)
    if (codec === v8) expect(decoded.map).toEqual(value.map)
    expect(decoded.set).toEqual(value.set)
    expect(decoded.nan).toBeNaN()
    expect([...decoded.bytes]).toEqual([1, 2])
  })

  it('msgpack calls nothing that an entry names', () => {
    const call = Buffer.from([
      0xd4,
      0x65,
      0x00,
      0x92,
      0xa4,
      ...Buffer.from('eval'),
      0xac,
      ...Buffer.from('globalThis.x'),
    ])
    expect(msgpack.decode(call, context)).toBeInstanceOf(Error)
  })
})

describe('compressed', () => {
  const large = { text: 'tide '.repeat(2_000) }

  it('makes large payloads smaller, and leaves small ones as they are', () => {
    const codec = compressed(json, { threshold: '1kb' })
    expect(bytes(codec.encode(large, context)).length).toBeLessThan(500)
    expect(codec.encode({ a: 1 }, context)).toBe('{"a":1}')
    expect(codec.decode(bytes(codec.encode(large, context)), context)).toEqual(large)
  })

  it('reads payloads that are not compressed, or use the other algorithm', () => {
    const [deflate, brotli] = [
      compressed(json, { threshold: 1 }),
      compressed(json, { threshold: 1, algorithm: 'brotli' }),
    ]
    expect(deflate.decode(Buffer.from(JSON.stringify(large)), context)).toEqual(large)
    expect(deflate.decode(bytes(brotli.encode(large, context)), context)).toEqual(large)
    expect(brotli.decode(bytes(deflate.encode(large, context)), context)).toEqual(large)
  })

  it('is not confused by a payload that begins like its own', () => {
    const raw: Codec<Buffer> = {
      name: 'raw',
      encode: (value) => value,
      decode: (payload) => Buffer.from(payload),
    }
    const codec = compressed(raw)
    for (const value of [
      Buffer.from([2]),
      Buffer.from([2, 0, 1]),
      Buffer.from([2, 1]),
      Buffer.alloc(0),
    ]) {
      expect(codec.decode(bytes(codec.encode(value, context)), context)).toEqual(value)
    }
  })

  it('stops expanding at maxValueBytes, and writes nothing that it could not read', () => {
    const bomb = compressed(json, { threshold: 1 }).encode('x'.repeat(900_000), context)
    const format = createFormat({ codec: compressed(json), maxValueBytes: 10_000 })
    expect(format.decode('k', bytes(bomb))).toMatchObject({ reason: 'codec' })
    expect(() => format.encode('k', 'x'.repeat(20_000))).toThrow(CodecError)
    expect(format.decode('k', Buffer.concat([Buffer.from([2, 1]), gzipSync('x')]))).toBeInstanceOf(
      Undecodable,
    )
  })

  it.each([
    [{ threshold: 0 }, 'threshold'],
    [{ threshold: '4 kb' }, 'threshold'],
    [{ algorithm: 'zip' }, 'algorithm'],
    [{ level: 9 }, 'level'],
  ])('refuses %j, naming the option', (options, name) => {
    expect(() => compressed(json, options as never)).toThrow(InvalidOptionError)
    expect(() => compressed(json, options as never)).toThrow(`"${name}"`)
  })
})

describe('encrypted', () => {
  const codec = encrypted(json, { keys: { a: secret(1) } })
  const read = (by: Codec<any>, payload: string | Buffer, key = 'k') =>
    createFormat<any>({ codec: by }).decode(key, bytes(payload))

  it('hides the value, and writes it differently each time', () => {
    const [one, two] = [
      bytes(codec.encode('a secret', context)),
      bytes(codec.encode('a secret', context)),
    ]
    expect(one.includes('secret')).toBe(false)
    expect(one.equals(two)).toBe(false)
    expect(codec.decode(one, context)).toBe('a secret')
  })

  it('treats a value that was changed in any byte, cut or moved as a miss', () => {
    const payload = bytes(codec.encode({ admin: false }, context))
    for (let i = 0; i < payload.length; i++) {
      const changed = Buffer.from(payload)
      changed[i]! ^= 1
      expect(read(codec, changed)).toBeInstanceOf(Undecodable)
      expect(read(codec, payload.subarray(0, i))).toBeInstanceOf(Undecodable)
    }
    expect(read(codec, payload, 'other')).toBeInstanceOf(Undecodable)
    expect(read(codec, '{"admin":true}')).toBeInstanceOf(Undecodable)
  })

  describe.each([
    ['', codec],
    ['compressed inside', encrypted(compressed(json), { keys: { a: secret(1) } })],
    ['compressed outside', compressed(codec, { threshold: 1 })],
  ])('in a frame %s', (_, sealed) => {
    const format = createFormat<any>({ codec: sealed })
    const values = [{ a: 1 }, null, undefined]
    const metas = [
      undefined,
      { version: 7 },
      { version: 7, computeTime: 3, stamp: Buffer.from('s') },
    ]

    it('returns the stored value, or that there is none', () => {
      for (const value of values)
        for (const meta of metas)
          expect(format.decode('k', bytes(format.encode('k', value, meta)))).toMatchObject({
            value,
            absent: value === null || value === undefined,
            version: meta?.version,
          })
    })

    it('refuses a frame if any byte was changed', () => {
      for (const value of values)
        for (const meta of metas) {
          const stored = bytes(format.encode('k', value, meta))
          for (let i = 0; i < stored.length; i++)
            for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
              const changed = Buffer.from(stored)
              changed[i]! ^= bit
              expect(format.decode('k', changed), `byte ${i}, bit ${bit}`).toBeInstanceOf(
                Undecodable,
              )
            }
          expect(format.decode('other', stored)).toBeInstanceOf(Undecodable)
        }
    })

    it('accepts no unauthenticated "no value", and no payload in another frame', () => {
      for (const forged of [
        [1, 4],
        [1, 12],
        [1, 5, 0, 0, 0, 0, 0, 0, 0, 0],
      ])
        expect(format.decode('k', Buffer.from(forged))).toBeInstanceOf(Undecodable)
      const payload = bytes(format.encode('k', { a: 1 }))
      const none = bytes(format.encode('k', null)).subarray(2)
      for (const header of [
        [1, 4],
        [1, 12],
        [1, 2, 0, 0, 0, 9],
      ])
        expect(format.decode('k', Buffer.concat([Buffer.from(header), payload]))).toBeInstanceOf(
          Undecodable,
        )
      for (const header of [[], [1, 0], [1, 12], [1, 5, 0, 0, 0, 0, 0, 0, 0, 0]])
        expect(format.decode('k', Buffer.concat([Buffer.from(header), none]))).toBeInstanceOf(
          Undecodable,
        )
    })

    it('lets a script insert a version where that was allowed, and only there', () => {
      const { flags, payload } = format.encodeForScript('k', 'x')
      const version = Buffer.alloc(8)
      version.writeDoubleBE(12)
      const by = Buffer.concat([Buffer.from([1, flags]), version, bytes(payload)])
      expect(format.decode('k', by)).toMatchObject({ value: 'x', version: 12 })
      by[1]! &= ~32
      expect(format.decode('k', by)).toBeInstanceOf(Undecodable)
    })
  })

  it('seals other bytes, for their key only', () => {
    const at = { ...context, associatedData: Buffer.from('beside') }
    const sealed = codec.seal!(Buffer.from('bytes'), at)
    expect(codec.open!(sealed, at).toString()).toBe('bytes')
    for (const other of [
      context,
      { ...at, key: 'kb' },
      { ...at, key: 'kbeside', associatedData: undefined },
    ])
      expect(() => codec.open!(sealed, other)).toThrow()
    expect(() => codec.decode(sealed, at)).toThrow()
    expect(() => codec.open!(bytes(codec.encode('x', at)), at)).toThrow()
  })

  it('rotates: an old key still decrypts, and a removed key makes misses', () => {
    const old = codec.encode('x', context)
    const rotated = encrypted(json, { keys: { a: secret(1), b: secret(2) }, current: 'b' })
    expect(read(rotated, old)).toMatchObject({ value: 'x' })
    const fresh = rotated.encode('y', context)
    expect(read(codec, fresh)).toBeInstanceOf(Undecodable)
    expect(read(encrypted(json, { keys: { b: secret(2) } }), fresh)).toMatchObject({ value: 'y' })
    expect(read(encrypted(json, { keys: { a: secret(9) } }), old)).toBeInstanceOf(Undecodable)
  })

  it('accepts keys as bytes, base64 and hex, and shows none', () => {
    const key = secret(7)
    const payload = encrypted(json, { keys: { a: key } }).encode('x', context)
    for (const text of [key.toString('base64'), key.toString('hex')])
      expect(encrypted(json, { keys: { a: text } }).decode(bytes(payload), context)).toBe('x')
    expect(inspect(codec, { depth: 10, showHidden: true })).not.toContain('0101')
    try {
      encrypted(json, { keys: { a: 'far too short a secret' } })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidOptionError)
      expect(inspect(error)).not.toContain('far too short')
    }
  })

  it.each([
    [{}, 'keys'],
    [{ keys: {} }, 'keys'],
    [{ keys: { a: 5 } }, 'keys.a'],
    [{ keys: { a: secret(1), b: secret(2) } }, 'current'],
    [{ keys: { a: secret(1) }, current: 'z' }, 'current'],
    [{ keys: { '': secret(1) } }, 'keys'],
  ])('refuses wrong keys, naming the option (%#)', (options, name) => {
    expect(() => encrypted(json, options as never)).toThrow(InvalidOptionError)
    expect(() => encrypted(json, options as never)).toThrow(`"${name}"`)
  })
})

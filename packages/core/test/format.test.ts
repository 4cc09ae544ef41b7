import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
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
import { Undecodable, createFormat, type Decoded, type Format, type Meta } from '../src/internal.js'

const RUNS = process.env.CHAOS ? 5_000 : 250
const bytes = (stored: string | Buffer): Buffer =>
  typeof stored === 'string' ? Buffer.from(stored) : stored
const keys = { a: Buffer.alloc(32, 1) }

const text: Codec<string> = {
  name: 'text',
  encode: (value) => value,
  decode: (payload) => payload.toString(),
}
const raw: Codec<Buffer> = {
  name: 'raw',
  encode: (value) => value,
  decode: (payload) => Buffer.from(payload),
}
const codecs: readonly Codec<any>[] = [
  json,
  v8,
  msgpack,
  compressed(json, { threshold: 1 }),
  compressed(v8, { threshold: 1, algorithm: 'brotli' }),
  encrypted(json, { keys }),
  encrypted(compressed(msgpack, { threshold: 1 }), { keys }),
  compressed(encrypted(json, { keys }), { threshold: 1 }),
]
const values = fc
  .jsonValue({ noUnicodeString: false })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const meta: fc.Arbitrary<Meta> = fc.record(
  {
    version: fc.option(fc.maxSafeNat(), { nil: undefined }),
    computeTime: fc.option(fc.nat(), { nil: undefined }),
  },
  { requiredKeys: [] },
)

/** Expects that any stored bytes decode to a value or a miss, without delay. */
function expectValueOrMiss(format: Format<unknown>, stored: Buffer): void {
  const started = performance.now()
  const decoded = format.decode('k', stored)
  expect(performance.now() - started).toBeLessThan(5_000)
  if (decoded instanceof Undecodable) expect(decoded.error).toBeInstanceOf(CodecError)
  else
    expect(Object.keys(decoded).sort()).toEqual([
      'absent',
      'computeTime',
      'stamp',
      'value',
      'version',
    ])
}

describe.each(codecs)('a format of $name', (codec) => {
  const format = createFormat<unknown>({ codec })
  // msgpackr reads the name __proto__ as __proto_.
  const encodableValues = codec.name.includes('msgpack')
    ? values.filter((value) => !JSON.stringify(value).includes('__proto__'))
    : values

  it('preserves any value and its metadata', () => {
    fc.assert(
      fc.property(encodableValues, fc.option(meta, { nil: undefined }), (value, metadata) => {
        const decoded = format.decode('k', bytes(format.encode('k', value, metadata)))
        expect(decoded).toEqual({
          value,
          absent: value === null,
          version: metadata?.version,
          computeTime: metadata?.computeTime,
        })
      }),
      { numRuns: RUNS },
    )
  })

  it('does not let an entry pollute a prototype', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"polluted":true},"a":{"__proto__":{"polluted":true}},' +
        '"constructor":{"prototype":{"polluted":true}}}',
    ) as object
    const { value } = format.decode('k', bytes(format.encode('k', hostile))) as Decoded<any>
    expect([value.polluted, value.a.polluted, ({} as { polluted?: unknown }).polluted]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    for (const object of [value, value.a])
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
  })

  it('writes null as plain JSON if there is no metadata and no schema', () => {
    // An authenticating codec adds a proof.
    const withoutProof = (stored: string | Buffer): string | Buffer =>
      (codec.seal ? stored.slice(0, 2) : stored) as Buffer
    expect(withoutProof(format.encode('k', null))).toEqual(
      codec.name === 'json' ? 'null' : Buffer.from([1, 4]),
    )
    expect(
      withoutProof(createFormat<unknown>({ codec, schema: z.string() }).encode('k', null)),
    ).toEqual(Buffer.from([1, 4]))
  })

  it.each([null, undefined])('preserves %s', (absent) => {
    expect(format.decode('k', bytes(format.encode('k', absent)))).toEqual({
      value: absent,
      absent: true,
      version: undefined,
      computeTime: undefined,
    })
    expect(format.decode('k', bytes(format.encode('k', absent, { version: 3 })))).toMatchObject({
      value: absent,
      absent: true,
      version: 3,
    })
  })

  it.each([[0], [''], [false], [[]], [{}]])('treats %j as a value', (value) => {
    expect(format.decode('k', bytes(format.encode('k', value)))).toMatchObject({
      value,
      absent: false,
    })
  })

  it('decodes to a value or a miss if any byte was changed', () => {
    fc.assert(
      fc.property(values, meta, fc.integer({ min: 1, max: 255 }), (value, metadata, change) => {
        const stored = bytes(format.encode('k', value, metadata))
        for (let i = 0; i < Math.min(stored.length, 100); i++) {
          const changed = Buffer.from(stored)
          changed[i]! ^= change
          expectValueOrMiss(format, changed)
        }
      }),
      { numRuns: RUNS / 5 },
    )
  })

  it('decodes to a value or a miss if bytes were cut or appended', () => {
    fc.assert(
      fc.property(
        values,
        meta,
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        (value, metadata, more) => {
          const stored = bytes(format.encode('k', value, metadata))
          for (let length = 0; length < Math.min(stored.length, 100); length++)
            expectValueOrMiss(format, stored.subarray(0, length))
          expectValueOrMiss(format, Buffer.concat([stored, more]))
        },
      ),
      { numRuns: RUNS / 5 },
    )
  })

  it('decodes arbitrary bytes to a value or a miss', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.constantFrom(undefined, 1, 2, 3, 0xff),
        fc.nat({ max: 15 }),
        (noise, first, second) => {
          expectValueOrMiss(
            format,
            Buffer.from(first === undefined ? noise : [first, second, ...noise]),
          )
        },
      ),
      { numRuns: 10 * RUNS },
    )
  })

  it('refuses other values with a CodecError that shows the key, but not the value', () => {
    const notEncodable: unknown[] = [
      Object.defineProperty({ secret: 'hunter2' }, 'x', {
        enumerable: true,
        get() {
          throw new Error('hunter2')
        },
      }),
    ]
    if (!codec.name.includes('v8')) {
      const cyclic: Record<string, unknown> = { secret: 'hunter2' }
      cyclic.self = cyclic
      notEncodable.push(cyclic)
    } else notEncodable.push({ secret: 'hunter2', f: () => 1 }, Symbol('hunter2'))
    for (const value of notEncodable) {
      try {
        format.encode('user:7', value)
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError)
        expect(error).toMatchObject({ code: 'CODEC', key: 'user:7' })
        expect((error as Error).message).toContain('user:7')
        expect((error as Error).message).not.toContain('hunter2')
      }
    }
  })

  it.each([-1, 1.5, NaN, Infinity, 2 ** 53])('refuses the version %d', (version) => {
    expect(() => format.encode('k', 1, { version })).toThrow(
      expect.objectContaining({ name: 'CodecError', key: 'k' }),
    )
    expect(() => format.encode('k', null, { version })).toThrow(CodecError)
  })

  it('refuses to write and to read more than maxValueBytes', () => {
    const small = createFormat<unknown>({ codec, maxValueBytes: 1_000 })
    // These values do not compress well.
    const large = Array.from({ length: 1_000 }, (_, i) => Math.sin(i))
    expect(() => small.encode('k', large)).toThrow(
      expect.objectContaining({ name: 'CodecError', code: 'VALUE_TOO_LARGE', key: 'k' }),
    )
    expect(small.decode('k', bytes(format.encode('k', large)))).toMatchObject({
      reason: expect.stringMatching(/size|codec/) as string,
    })
    expect(small.decode('k', bytes(small.encode('k', large.slice(0, 20))))).toMatchObject({
      value: large.slice(0, 20),
    })
  })
})

describe('JSON', () => {
  const format = createFormat<any>()

  it('is the default, stored as plain text that other programs can read', () => {
    const chair = { id: 42, name: 'chair é 😀' }
    expect(format.encode('k', chair)).toBe('{"id":42,"name":"chair é 😀"}')
    fc.assert(
      fc.property(
        values.filter((value) => value !== null),
        (value) => {
          expect(format.encode('k', value)).toBe(JSON.stringify(value))
        },
      ),
    )
  })

  it.each<[string, unknown]>([
    ['0', 0],
    ['""', ''],
    ['false', false],
    ['null', null],
    [' {"a" : 1}\r\n\t', { a: 1 }],
    ['[]', []],
    ['-0', -0],
    ['1e400', Infinity],
    ['12345678901234567890', 12345678901234567890],
    ['"\\ud800"', '\ud800'],
    ['"\\u0000"', '\0'],
    ['{"a":1,"a":2}', { a: 2 }],
    ['"\ufffd"', '\ufffd'],
    ['"😀"', '😀'],
  ])('of other programs is read: %s', (foreign, value) => {
    expect((format.decode('k', Buffer.from(foreign)) as Decoded<unknown>).value).toEqual(value)
  })

  it.each([
    '',
    ' ',
    'undefined',
    'NaN',
    '{',
    '{a:1}',
    "{'a':1}",
    '[1,]',
    '01',
    '"\n"',
    '\ufeff1',
    '<html>',
    'a:1:{i:0;i:1;}',
    '\x80\x04K\x01.',
  ])('that is invalid is a miss: %j', (garbage) => {
    expect(format.decode('k', Buffer.from(garbage))).toMatchObject({ reason: 'codec' })
  })

  it('that is not valid UTF-8 is a miss, and is not repaired', () => {
    for (const broken of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xf0, 0x9f, 0x98, 0x22],
    ])
      expect(format.decode('k', Buffer.from(broken))).toMatchObject({ reason: 'codec' })
  })

  it('does not show the text in errors', () => {
    const decoded = format.decode('k', Buffer.from('{"password":"hunter2",}')) as Undecodable
    expect(decoded.error.message).not.toContain('hunter2')
    expect(String(decoded.error.cause)).not.toContain('hunter2')
  })

  it('preserves __proto__ and constructor as data, without pollution', () => {
    const hostile =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},' +
      '"a":{"__proto__":{"polluted":true}}}'
    const { value } = format.decode('k', Buffer.from(hostile)) as Decoded<any>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'a'])
    expect(Object.hasOwn(value.a, '__proto__')).toBe(true)
    expect(value.polluted).toBeUndefined()
    expect(value.a.polluted).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(format.encode('k', value)).toBe(hostile)
  })

  it('of any depth is a value or a miss', () => {
    for (const depth of [1_000, 100_000, 2_000_000])
      for (const [open, close] of [
        ['[', ']'],
        ['{"a":', '}'],
      ]) {
        expectValueOrMiss(format, Buffer.from(open!.repeat(depth)))
        expectValueOrMiss(format, Buffer.from(`${open!.repeat(depth)}1${close!.repeat(depth)}`))
      }
  }, 60_000)

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    [
      'a toJSON that throws',
      {
        toJSON() {
          throw new Error('no')
        },
      },
    ],
    ['a toJSON to undefined', { toJSON: () => undefined }],
  ])('refuses to write %s', (_, value) => {
    expect(() => format.encode('k', value)).toThrow(CodecError)
  })

  it('refuses to write a value that is nested too deeply', () => {
    let deep: unknown = 1
    for (let i = 0; i < 200_000; i++) deep = [deep]
    expect(() => format.encode('k', deep)).toThrow(CodecError)
  })
})

describe('a custom codec', () => {
  it('may store any text and bytes, and none is mistaken for a frame', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array(),
        fc.option(meta, { nil: undefined }),
        (words, noise, metadata) => {
          for (const prefix of ['', '\x01', '\x01\x00', '\x01\x04']) {
            const texts = createFormat({ codec: text })
            expect(
              texts.decode('k', bytes(texts.encode('k', prefix + words, metadata))),
            ).toMatchObject({ value: prefix + words, version: metadata?.version })
            const raws = createFormat({ codec: raw })
            const value = Buffer.concat([Buffer.from(prefix), noise])
            expect(
              (
                raws.decode('k', bytes(raws.encode('k', value, metadata))) as Decoded<Buffer>
              ).value.equals(value),
            ).toBe(true)
          }
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('gets the Redis key and the maximum size', () => {
    const contexts: unknown[] = []
    const spy: Codec<number> = {
      name: 'spy',
      encode: (value, context) => {
        contexts.push(context)
        return String(value)
      },
      decode: (payload, context) => {
        contexts.push(context)
        return Number(payload)
      },
    }
    const format = createFormat({ codec: spy, maxValueBytes: 100 })
    expect(format.decode('shop:k', bytes(format.encode('shop:k', 5)))).toMatchObject({ value: 5 })
    expect(contexts).toEqual([
      { key: 'shop:k', maxValueBytes: 100 },
      { key: 'shop:k', maxValueBytes: 100 },
    ])
  })

  it.each<[string, () => unknown]>([
    ['a promise', async () => 'x'],
    ['a number', () => 5],
    ['nothing', () => undefined],
    ['a Uint8Array', () => new Uint8Array(1)],
  ])('that encodes to %s is refused with a CodecError', (_, encode) => {
    expect(() =>
      createFormat({ codec: { ...text, encode: encode as () => string } }).encode('k', 'x'),
    ).toThrow(CodecError)
  })

  it.each([new Error('no'), undefined, 'text', null])(
    'that throws %s causes a CodecError on writes and a miss on reads',
    (thrown) => {
      const fail = (): never => {
        throw thrown
      }
      const format = createFormat({ codec: { name: 'broken', encode: fail, decode: fail } })
      expect(() => format.encode('k', 1 as never)).toThrow(CodecError)
      const decoded = format.decode('k', Buffer.from('1'))
      expect(decoded).toMatchObject({ reason: 'codec' })
      // The message may quote the value.
      if (thrown instanceof Error)
        expect((decoded as Undecodable).error.cause).toMatchObject({
          name: 'Error',
          message: 'its message is left out, as it may quote the value',
        })
      else expect((decoded as Undecodable).error.cause).toBeUndefined()
    },
  )

  it.each([
    [5],
    ['json'],
    [{}],
    [{ name: 'x' }],
    [{ name: 'x', encode: () => '' }],
    [{ name: 5, encode: () => '', decode: () => 1 }],
    [{ ...json, prepare: 5 }],
    [() => json],
  ])('%o is refused', (codec) => {
    expect(() => createFormat({ codec: codec as never })).toThrow(InvalidOptionError)
    expect(() => createFormat({ codec: codec as never })).toThrow('"codec"')
  })
})

describe('maxValueBytes', () => {
  it('counts bytes instead of characters, and accepts exactly that many', () => {
    const format = createFormat<string>({ codec: text, maxValueBytes: 12 })
    expect(format.encode('k', 'x'.repeat(12))).toHaveLength(12)
    expect(format.encode('k', '😀😀😀')).toBe('😀😀😀')
    for (const large of ['x'.repeat(13), '😀😀😀x', 'é'.repeat(7)]) {
      expect(() => format.encode('k', large)).toThrow(
        expect.objectContaining({ code: 'VALUE_TOO_LARGE' }),
      )
      expect(format.decode('k', Buffer.from(large))).toMatchObject({ reason: 'size' })
    }
    // Metadata counts as well.
    expect(() => format.encode('k', 'abc', { version: 1 })).toThrow(CodecError)
    expect(format.encode('k', 'ab', { version: 1 })).toHaveLength(12)
  })

  it('counts the frame that a script makes', () => {
    for (const codec of [text, json as Codec<string>]) {
      const format = createFormat<string>({ codec, maxValueBytes: 40 })
      for (let length = 0; length <= 40; length++) {
        const value = 'x'.repeat(length)
        const encode = (): unknown => format.encodeForScript('k', value)
        let size = Infinity
        try {
          size = format.encode('k', value, { version: 1 }).length
        } catch {
          // too large
        }
        if (size <= 40) expect(encode).not.toThrow()
        else expect(encode).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
      }
    }
  })

  it('is 8 MiB by default', () => {
    const format = createFormat<string>({ codec: text })
    expect(format.encode('k', 'x'.repeat(8 * 1024 * 1024))).toHaveLength(8_388_608)
    expect(() => format.encode('k', 'x'.repeat(8 * 1024 * 1024 + 1))).toThrow(CodecError)
    expect(format.decode('k', Buffer.alloc(8_388_609))).toMatchObject({ reason: 'size' })
  })
})

import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodecError, compressed, encrypted, json } from '../src/index.js'
import { Undecodable, createFormat, type Decoded } from '../src/internal.js'

const RUNS = process.env.CHAOS ? 20_000 : 500
const context = { key: 'k', maxValueBytes: 8 * 1024 * 1024 }
const bytes = (payload: string | Buffer): Buffer => Buffer.from(payload as string)
const encode = (value: unknown): string => json.encode(value, context) as string
const decode = (text: string): unknown => json.decode(Buffer.from(text), context) as unknown
const roundTrip = (value: unknown): unknown => decode(encode(value))

class Customer {
  constructor(readonly name: string) {}
}
class Decimal {
  toJSON(): string {
    return '1.50'
  }
}

const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    NaN,
    Infinity,
    -Infinity,
    -0,
    '',
    '$date',
    '\ufffd',
    new Date(NaN),
    /a+\/[\n"]/giu,
    new RegExp(''),
    new URL('https://user@example.com/ü?q=1#x'),
  ),
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.boolean(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 5_000n), max: 2n ** 5_000n }),
  fc.date(),
  fc.uint8Array(),
  fc.uint8Array().map((each) => Buffer.from(each)),
  fc.uint8Array().map((each) => each.slice().buffer),
  fc.float32Array(),
  fc.float64Array(),
  fc.int16Array(),
  fc.bigInt64Array(),
  fc.uint8ClampedArray(),
  fc.uint8Array().map((each) => new DataView(each.slice().buffer)),
)
const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value')),
    fc.sparseArray(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
    fc.dictionary(
      fc.constantFrom('$date', '$map', '$object', '__proto__', 'constructor', 'toJSON', 'a'),
      tie('value'),
      { noNullPrototype: true },
    ),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
    fc.array(tie('value')).map((members) => new Set(members)),
    fc
      .tuple(fc.constantFrom(Error, TypeError, RangeError), fc.string(), tie('value'), tie('value'))
      .map(([Type, message, cause, field]) =>
        Object.assign(new Type(message, { cause }), { code: 'E', field }),
      ),
  ),
})).value

/** Expects two values to look the same, including hidden properties, holes, -0 and classes. */
function expectSame(actual: unknown, expected: unknown): void {
  const whole = { depth: null, maxArrayLength: null, maxStringLength: null, showHidden: true }
  expect(inspect(actual, whole)).toBe(inspect(expected, whole))
}

/** Expects two errors to have the same class and properties. */
function expectSameError(actual: unknown, expected: Error): void {
  expect(Object.getPrototypeOf(actual)).toBe(Object.getPrototypeOf(expected))
  expect(Object.getOwnPropertyDescriptors(actual)).toEqual(
    Object.getOwnPropertyDescriptors(expected),
  )
}

describe('json returns what was stored', () => {
  it('any value of the supported types', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expectSame(roundTrip(value), value)
      }),
      { numRuns: RUNS },
    )
  })

  it.each([
    ['compressed', compressed(json, { threshold: 1 })],
    ['encrypted', encrypted(json, { keys: { a: Buffer.alloc(32, 1) } })],
  ])('also %s, in a frame and without one', (_, codec) => {
    const format = createFormat<any>({ codec })
    fc.assert(
      fc.property(anything, fc.constantFrom(undefined, { version: 3 }), (value, meta) => {
        const { value: decoded } = format.decode(
          'k',
          bytes(format.encode('k', value, meta)),
        ) as Decoded<any>
        expectSame(decoded, value)
      }),
      { numRuns: RUNS / 5 },
    )
  })

  it('plain JSON is stored byte for byte as JSON.stringify writes it', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ noUnicodeString: false }).map((each) => JSON.stringify(each)),
        (text) => {
          expect(encode(JSON.parse(text))).toBe(text)
        },
      ),
      { numRuns: RUNS },
    )
    const object = Object.assign(Object.create(null) as object, { a: 1 })
    const shared = { b: 1 }
    for (const value of [
      object,
      {
        get a() {
          return 1
        },
      },
      [shared, shared],
      { $date: '2026' },
      runInNewContext('({ a: [{}] })'),
    ])
      expect(encode(value)).toBe(JSON.stringify(value))
    expect(encode(-0)).toBe('-0')
  })

  it('a value of more objects than are looked at first is plain or tagged all the same', () => {
    const rows = Array.from({ length: 30_000 }, (_, id) => ({ id }))
    expect(encode(rows)).toBe(JSON.stringify(rows))
    const mixed = [{ last: undefined }, ...rows]
    expect(roundTrip(mixed)).toStrictEqual(mixed)
  })

  it('tags only values that need it, behind a byte that no JSON text begins with', () => {
    expect(encode({ at: new Date(0) })).toBe('\x03{"at":{"$date":"1970-01-01T00:00:00.000Z"}}')
    expect(encode({ at: new Date(0), data: { $date: 1 } })).toBe(
      '\x03{"at":{"$date":"1970-01-01T00:00:00.000Z"},"data":{"$object":{"$date":1}}}',
    )
    expect(decode('{"at":{"$date":"1970-01-01T00:00:00.000Z"}}')).toEqual({
      at: { $date: '1970-01-01T00:00:00.000Z' },
    })
    // What a process of an older version does with it: it takes the entry for a miss.
    expect(() => JSON.parse(encode([undefined]))).toThrow(SyntaxError)
  })

  it('errors with their class, stack, cause and fields', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const error = new TypeError('no', { cause: refused })
    const all = new AggregateError([error, new Date(1)], 'all failed')
    const bare = new Error()
    Reflect.deleteProperty(bare, 'stack')
    for (const one of [refused, error, all, bare]) {
      const decoded = (roundTrip({ one }) as { one: Error }).one
      expectSameError(decoded, one)
      if (one.cause) expectSameError(decoded.cause, refused)
    }
    expect(Error.stackTraceLimit).toBeGreaterThan(0)
  })

  it('only the bytes of a view, of none of its neighbours', () => {
    const pool = Buffer.from('secret, public, secret')
    const stored = encode({ part: pool.subarray(8, 14) })
    expect(stored).toBe(
      `\x03{"part":{"$bytes":["Buffer","${Buffer.from('public').toString('base64')}"]}}`,
    )
    expect(
      (roundTrip(new Uint16Array([1, 2, 3]).subarray(1)) as Uint16Array).buffer.byteLength,
    ).toBe(4)
  })

  it('built-in objects of another realm', () => {
    const foreign = runInNewContext(
      '({ at: new Date(5), list: [new Map([[1, new Set([2])]])], error: new TypeError("x"), ' +
        'pattern: /x/g, bytes: new Uint8Array([1]) })',
    ) as { error: Error }
    const { error, ...others } = roundTrip(foreign) as { error: Error }
    expect(others).toEqual({
      at: new Date(5),
      list: [new Map([[1, new Set([2])]])],
      pattern: /x/g,
      bytes: new Uint8Array([1]),
    })
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe('x')
  })

  it('__proto__ as data', () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":[1]}}') as object
    const value = roundTrip({ hostile, at: new Date(0) }) as { hostile: Record<string, any> }
    expect(Object.getPrototypeOf(value.hostile)).toBe(Object.prototype)
    expect(Object.keys(value.hostile)).toEqual(['__proto__', 'a'])
    expect(JSON.stringify(value.hostile)).toBe(JSON.stringify(hostile))
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('json refuses what it cannot keep, and names the path to it', () => {
  const cyclic: Record<string, unknown> = { list: [] }
  ;(cyclic.list as unknown[]).push({ cyclic })
  let deep: unknown = new Date(0)
  for (let i = 0; i < 600; i++) deep = [deep]
  let endless: unknown = 1
  for (let i = 0; i < 100_000; i++) endless = { next: endless }
  class Tags extends Array {}
  class Index extends Map {}
  class NotFound extends Error {}

  it.each<[string, () => unknown, string]>([
    [
      'a class',
      () => ({ order: { customer: new Customer('x') } }),
      'order.customer is an instance of Customer',
    ],
    [
      'toJSON',
      () => ({ lines: [{ price: new Decimal() }] }),
      'lines[0].price is an instance of Decimal; replace it with a plain object or a text, ' +
        'such as the result of its toJSON()',
    ],
    ['an own toJSON', () => ({ a: { toJSON: () => 1 } }), 'a.toJSON is a function'],
    [
      'a function',
      () => ({ 'secret@example.com': { on: () => 1 } }),
      '[name of 18 characters].on is a function',
    ],
    ['a symbol', () => [1, Symbol('secret')], '[1] is a symbol'],
    [
      'a promise',
      () => ({ user: Promise.resolve(1) }),
      'user is an instance of Promise, which must be awaited',
    ],
    ['the whole value', () => new Customer('x'), 'the value itself is an instance of Customer'],
    [
      'a member of a Map',
      () => ({
        m: new Map<unknown, unknown>([
          ['secret', 1],
          ['x', { f: () => 1 }],
        ]),
      }),
      'm<value 1>.f is a function',
    ],
    ['a key of a Map', () => new Map([[() => 1, 1]]), '<key 0> is a function'],
    [
      'a member of a Set',
      () => ({ s: new Set([1, new WeakMap()]) }),
      's<member 1> is an instance of WeakMap',
    ],
    [
      'a cause',
      () => new Error('secret', { cause: new NotFound('secret') }),
      'cause is an instance of NotFound',
    ],
    ['a cycle', () => cyclic, 'list[0].cyclic contains itself'],
    ['a deep value with a Date', () => deep, 'is nested more than 500 deep'],
    ['a plain value of any depth', () => endless, 'is nested more than 500 deep'],
    [
      'a symbol as a name',
      () => ({ a: { [Symbol('secret')]: 1 } }),
      'a has a property whose name is a symbol',
    ],
    [
      'a named property of an array',
      () => ({ match: /x/.exec('x') }),
      'match is an array that has properties with names',
    ],
    [
      'a hole and a named property',
      () => Object.assign([1, , 3], { extra: 1 }),
      'is an array that has properties with names',
    ],
    ...['-1', '1.5', '01', '4294967295'].map((name): [string, () => unknown, string] => [
      `an array with the property ${name}`,
      () => ({ list: Object.assign([1, undefined], { [name]: 1 }) }),
      'list is an array that has properties with names',
    ]),
    [
      'a property of a Map',
      () => ({ m: Object.assign(new Map(), { extra: 1 }) }),
      'm is a Map that has properties',
    ],
    ['a subclass of Array', () => ({ tags: Tags.from(['a']) }), 'tags is an instance of Tags'],
    ['a subclass of Map', () => ({ index: new Index() }), 'index is an instance of Index'],
    ['a boxed string', () => ({ s: Object('secret') as unknown }), 's is an instance of String'],
    ['a class without a name', () => ({ a: new (class {})() }), 'a is an instance of a class'],
    [
      'a getter that throws',
      () => ({
        a: {
          get b() {
            throw new Error('secret')
          },
        },
      }),
      'a.b has a getter that threw',
    ],
  ])('%s', (_, create, message) => {
    const value = create()
    let error: unknown
    try {
      createFormat<any>().encode('k', value)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(CodecError)
    expect(error).toMatchObject({ key: 'k', code: 'CODEC' })
    expect((error as CodecError).message).toContain(message)
    expect(`${String(error)} ${String((error as CodecError).cause)}`).not.toContain('secret')
  })

  it('a path is never long', () => {
    for (const value of [deep, endless, { ['x'.repeat(100_000)]: () => 1 }])
      expect(() => encode(value)).toThrow(
        expect.objectContaining({ message: expect.stringMatching(/^.{20,600}$/) as string }),
      )
  })

  it('one object at very many places, without delay', () => {
    let bomb: unknown = [new Date(0)]
    for (let i = 0; i < 60; i++) bomb = [bomb, bomb]
    expect(() => json.encode(bomb, { key: 'k', maxValueBytes: 100_000 })).toThrow(
      expect.objectContaining({ code: 'VALUE_TOO_LARGE' }),
    )
    const sparse: unknown[] = []
    sparse[4_000_000_000] = 1
    expect(() => encode({ sparse })).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
  })
})

describe('tagged JSON from anybody', () => {
  const format = createFormat<unknown>()
  const expectMissOf = (text: string): void => {
    expect(format.decode('k', Buffer.from(text))).toMatchObject({ reason: 'codec' })
  }

  it.each([
    '',
    '{',
    '{"$unknown":1}',
    '{"$":1}',
    '{"$date":"never"}',
    '{"$date":5}',
    '{"$number":"5"}',
    '{"$number":5}',
    '{"$bigint":"5n"}',
    '{"$bigint":" 5"}',
    '{"$bigint":5}',
    '{"$map":{}}',
    '{"$map":[1]}',
    '{"$set":1}',
    '{"$regexp":["(",""]}',
    '{"$regexp":["a","zz"]}',
    '{"$regexp":[]}',
    '{"$url":"no"}',
    '{"$bytes":["Function",""]}',
    '{"$bytes":["Float64Array","AAAA"]}',
    '{"$bytes":["Buffer",[]]}',
    '{"$error":["Function",{},{}]}',
    '{"$error":["Error",[],{}]}',
    '{"$error":["Error"]}',
    '{"$object":[]}',
    '{"$hole":true}',
    '{"a":"\ud800',
  ])('is a miss if it is malformed: %s', (text) => {
    expectMissOf(`\x03${text}`)
  })

  it('is a value or a miss, whatever it is', () => {
    const noise = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('Error', 'Buffer', 'AAAA', 'NaN', '1', 1, null, '__proto__'),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(
          fc.constantFrom(
            ...['undefined', 'hole', 'number', 'bigint', 'date', 'map', 'set', 'regexp', 'url']
              .concat('bytes', 'error', 'object')
              .map((name) => `$${name}`),
            '__proto__',
            'message',
          ),
          tie('node'),
          { maxKeys: 2, noNullPrototype: true },
        ),
      ),
    })).node
    fc.assert(
      fc.property(noise, (node) => {
        const decoded = format.decode('k', Buffer.from(`\x03${JSON.stringify(node)}`))
        expect(decoded instanceof Undecodable || 'value' in (decoded as object)).toBe(true)
        expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(12)
      }),
      { numRuns: RUNS * 4 },
    )
  })

  it('that is not UTF-8 is a miss', () => {
    expect(format.decode('k', Buffer.from([0x03, 0x22, 0xff, 0x22]))).toMatchObject({
      reason: 'codec',
    })
  })

  it('cannot be so deep that the stack overflows', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"$set":[', ']}'],
      ['{"$map":[[1,', ']]}'],
      ['{"$error":["Error",{"cause":', '},{}]}'],
      ['{"$object":{"a":', '}}'],
    ] as const) {
      expectMissOf(`\x03${open.repeat(200_000)}1${close.repeat(200_000)}`)
      expectMissOf(`\x03${open.repeat(600)}1${close.repeat(600)}`)
      expect(decode(`\x03${open.repeat(400)}1${close.repeat(400)}`)).toBeTypeOf('object')
    }
  })

  it('cannot pretend to be larger than its bytes', () => {
    const before = process.memoryUsage().heapTotal
    expectMissOf('\x03{"$bytes":["Float64Array",4000000000]}')
    expectMissOf(`\x03{"$bigint":"${'9'.repeat(4_000_000)}"}`)
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(200_000_000)
  })
})

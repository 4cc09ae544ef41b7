import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { InvalidOptionError, v8, type Schema } from '../src/index.js'
import { Undecodable, createFormat, type Decoded } from '../src/internal.js'
import { applySchema, checkSchema } from '../src/codecs/schema.js'

interface Product {
  readonly id: number
  readonly name: string
}

/** A schema as any library could implement it. */
function standard<T>(validate: (value: unknown) => unknown): Schema<T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: validate as Schema<T>['~standard']['validate'],
    },
  }
}

const chair = { id: 42, name: 'chair' }
const byHand = standard<Product>((value) => {
  const { id, name } = (value ?? {}) as Partial<Product>
  if (typeof id !== 'number') return { issues: [{ message: 'no number', path: ['id'] }] }
  return typeof name === 'string'
    ? { value: { id, name } }
    : { issues: [{ message: 'no text', path: [{ key: 'name' }] }] }
})
const callable = Object.assign(() => undefined, byHand)
const later = standard<Product>(async (value) => byHand['~standard'].validate(value))
/** A promise of another implementation. */
const thenable = standard<Product>((value) => ({
  then: (resolve: (result: unknown) => void) => resolve(byHand['~standard'].validate(value)),
}))
const asyncZod = z.object({ id: z.number(), name: z.string() }).refine(async () => true)

const fitting: readonly [name: string, schema: Schema<Product>, isLate: boolean][] = [
  ['zod', z.object({ id: z.number(), name: z.string() }), false],
  ['an object of one’s own', byHand, false],
  ['a function, as arktype’s', callable, false],
  ['an async one', later, true],
  ['an async one of zod', asyncZod, true],
  ['one that answers with a thenable', thenable, true],
]

describe.each(fitting)('a schema: %s', (_, schema, isLate) => {
  const format = createFormat<Product>({ schema })
  const read = (text: string) => format.decode('product:42', Buffer.from(text))

  it('accepts matching values', async () => {
    const decoded = read('{"id":42,"name":"chair"}')
    expect(decoded instanceof Promise).toBe(isLate)
    expect(await decoded).toEqual({
      value: chair,
      absent: false,
      version: undefined,
      computeTime: undefined,
    })
  })

  it('keeps the metadata of matching values', async () => {
    expect(
      await format.decode('k', format.encode('k', chair, { version: 7, computeTime: 3 }) as Buffer),
    ).toEqual({ value: chair, absent: false, version: 7, computeTime: 3 })
  })

  it.each(['{"id":"42","name":"chair"}', '{}', '[]', '42', '"chair"', 'null'])(
    'makes %s a miss that says where it does not match, and not the value',
    async (text) => {
      const decoded = await read(text)
      expect(decoded).toMatchObject({
        reason: 'schema',
        error: { name: 'CodecError', code: 'CODEC', key: 'product:42' },
      })
      expect(decoded).toBeInstanceOf(Undecodable)
    },
  )

  it('is not asked about undecodable values, nor about missing ones', async () => {
    expect(await read('{"id":')).toMatchObject({ reason: 'codec' })
    for (const none of [null, undefined])
      expect(await format.decode('k', format.encode('k', none) as Buffer)).toMatchObject({
        value: none,
        absent: true,
      })
  })

  it('is not asked about written values', () => {
    expect(format.encode('k', { id: 'of another shape' } as never)).toBe(
      '{"id":"of another shape"}',
    )
  })
})

describe('the output of a schema', () => {
  it('is the value that the reader gets', () => {
    const days = createFormat<Date>({ schema: z.coerce.date() as unknown as Schema<Date> })
    const at = new Date(86_400_000)
    expect(
      (days.decode('k', Buffer.from(days.encode('k', at) as string)) as Decoded<Date>).value,
    ).toEqual(at)
    const open = createFormat<object>({ schema: z.object({ id: z.number() }) })
    expect(open.decode('k', Buffer.from('{"id":1,"gone":2}'))).toMatchObject({ value: { id: 1 } })
  })

  it('of undefined or null is “there is none”', () => {
    for (const none of [undefined, null])
      expect(
        createFormat({ schema: standard(() => ({ value: none })) }).decode('k', Buffer.from('1')),
      ).toMatchObject({ value: none, absent: true })
  })
})

const broken: readonly [what: string, validate: () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('secret: hunter2')
    },
  ],
  [
    'throws what is no error',
    () => {
      throw undefined
    },
  ],
  ['rejects', () => Promise.reject(new Error('secret: hunter2'))],
  ['rejects with nothing', () => Promise.reject()],
  ['answers undefined', () => undefined],
  ['answers null', () => null],
  ['answers a number', () => 5],
  ['resolves to undefined', async () => undefined],
  ['resolves to null', async () => null],
  ['answers issues that are none', () => ({ issues: 5 })],
  ['answers issues of nothing', () => ({ issues: [null] })],
  ['answers a path of nothing', () => ({ issues: [{ message: '', path: [null] }] })],
  [
    'has a getter that throws',
    () =>
      Object.defineProperty({}, 'issues', {
        get() {
          throw new Error('secret: hunter2')
        },
      }),
  ],
  [
    'has a then that throws',
    () => ({
      then() {
        throw new Error('secret: hunter2')
      },
    }),
  ],
]

describe('a schema that', () => {
  it.each(broken)('%s makes a miss, never an exception', async (_, validate) => {
    const decoded = await createFormat({ schema: standard(validate) }).decode(
      'k',
      Buffer.from('{"password":"hunter2"}'),
    )
    expect(decoded).toBeInstanceOf(Undecodable)
    expect(decoded).toMatchObject({ reason: 'schema' })
    expect((decoded as Undecodable).error.message).not.toContain('hunter2')
  })

  it('gets a value that is too deep for it makes a miss', async () => {
    interface Deep {
      readonly next?: Deep | undefined
    }
    const deep: z.ZodType<Deep> = z.lazy(() => z.object({ next: deep.optional() }))
    const text = `${'{"next":'.repeat(200_000)}{}${'}'.repeat(200_000)}`
    expect(await createFormat({ schema: deep }).decode('k', Buffer.from(text))).toBeInstanceOf(
      Undecodable,
    )
  })
})

describe('a message of a schema', () => {
  it('names at most three paths, and no values', async () => {
    const many = z.object({
      a: z.number(),
      b: z.object({ c: z.number() }),
      d: z.array(z.number()),
      e: z.number(),
      f: z.number(),
    })
    const checked = await applySchema(many, {
      a: 'hunter2',
      b: { c: 'hunter2' },
      d: [1, 'hunter2'],
      e: 'hunter2',
      f: 'hunter2',
    })
    expect(checked.error?.message).toBe('It does not match its schema: a, b.c, d.1 and 2 more.')
    expect((await applySchema(z.number(), 'hunter2')).error?.message).toBe(
      'It does not match its schema: the value itself.',
    )
    expect(
      (
        await applySchema(
          standard(() => ({ issues: [{ message: 'hunter2', path: [Symbol('at'), 0] }] })),
          1,
        )
      ).error?.message,
    ).toBe('It does not match its schema: Symbol(at).0.')
  })
})

describe('checkSchema', () => {
  it('accepts any schema', () => {
    for (const [, schema] of fitting) expect(checkSchema('schema', schema)).toBe(schema)
  })

  it.each(
    [
      undefined,
      null,
      5,
      'schema',
      true,
      {},
      [],
      () => undefined,
      { parse: () => 1 },
      { '~standard': null },
      { '~standard': {} },
      { '~standard': { version: 2, validate: () => 1 } },
      { '~standard': { version: 1 } },
      { '~standard': { version: 1, validate: 5 } },
    ].map((schema) => [schema]),
  )('refuses %o, naming the option', (schema) => {
    expect(() => checkSchema('schema', schema)).toThrow(InvalidOptionError)
    expect(() => checkSchema('schema', schema)).toThrow('"schema" must be a Standard Schema')
    if (schema) expect(() => createFormat({ schema: schema as never })).toThrow(InvalidOptionError)
  })
})

it('checks values of any codec', () => {
  const format = createFormat<Map<string, number>>({
    codec: v8,
    schema: z.map(z.string(), z.number()),
  })
  expect(format.decode('k', format.encode('k', new Map([['a', 1]])) as Buffer)).toMatchObject({
    value: new Map([['a', 1]]),
  })
  const wrong = format.decode('k', format.encode('k', new Map([['a', 'x']]) as never) as Buffer)
  expect(wrong).toMatchObject({ reason: 'schema' })
  expect(inspect((wrong as Undecodable).error.message)).not.toContain('x"')
})

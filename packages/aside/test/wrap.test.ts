import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { wrap } from '../src/index.js'
import { argumentKey } from '../src/argument-key.js'
import { onEach } from './cases.js'

onEach(({ newClient }) => {
  describe('a wrapped function', () => {
    it('is called once for the same arguments', async () => {
      let calls = 0
      const search = wrap(
        async (text: string, { page = 1, size = 10 }: { page?: number; size?: number } = {}) =>
          `${text} ${page} ${size} ${++calls}`,
        { client: newClient(), prefix: 'search', ttl: '1h' },
      )
      expect(await search('chair', { page: 2, size: 5 })).toBe('chair 2 5 1')
      expect(await search('chair', { size: 5, page: 2 })).toBe('chair 2 5 1')
      expect(await search('chair')).toBe('chair 1 10 2')
      expect(await search.peek('chair')).toBe('chair 1 10 2')
      expect(await search.refresh('chair')).toBe('chair 1 10 3')
      expect(await search.invalidate('chair')).toBe(true)
      expect(await search.invalidate('chair')).toBe(false)
      expect(await search.has('chair')).toBe(false)
      expect(await search.has('chair', { page: 2, size: 5 })).toBe(true)
      expectTypeOf(search).parameters.toEqualTypeOf<
        [text: string, options?: { page?: number; size?: number }]
      >()
      await search.idle()
    })

    it('accepts arguments of any length, and rejects with the error of the function', async () => {
      const length = wrap((text: string) => text.length, {
        client: newClient(),
        prefix: 'length',
        ttl: '1h',
      })
      expect(await length('x'.repeat(100_000))).toBe(100_000)
      expect(await length('{"\u0000"}:%é')).toBe(8)
      const broken = wrap((): number => JSON.parse('{') as number, {
        client: newClient(),
        prefix: 'broken',
        ttl: '1h',
      })
      await expect(broken()).rejects.toThrow(SyntaxError)
    })

    it('uses the option key', async () => {
      let calls = 0
      const find = wrap((id: number, _signal: AbortSignal) => `${id} ${++calls}`, {
        client: newClient(),
        prefix: 'find',
        ttl: '1h',
        key: (id) => ['by-id', id],
      })
      expect(await find(7, new AbortController().signal)).toBe('7 1')
      expect(await find(7, AbortSignal.abort())).toBe('7 1')
      const withoutKey = wrap((_signal: AbortSignal) => 1, {
        client: newClient(),
        prefix: 'signal',
        ttl: '1h',
      })
      await expect(withoutKey(AbortSignal.abort())).rejects.toThrow('"key" must be a function')
    })
  })
})

describe('the key of arguments', () => {
  const different: readonly (readonly unknown[])[] = [
    [],
    [undefined],
    [undefined, undefined],
    [null],
    [0],
    [-0],
    [NaN],
    [Infinity],
    [1],
    ['1'],
    [1n],
    ['1n'],
    [true],
    ['true'],
    ['undefined'],
    ['a', 'b'],
    ['a,b'],
    ['a","b'],
    [['a', 'b']],
    [[]],
    [[undefined]],
    [new Array(1)],
    [[[]]],
    [{}],
    [{ a: undefined }],
    [{ a: 1 }],
    [{ a: '1' }],
    [{ 'a:1': 1 }],
    [{ a: { b: 1 } }],
    [new Date(0)],
    [new Date(0).toISOString()],
    [new Date(NaN)],
    ['Date(0)'],
    [Buffer.from('a')],
    ['YQ=='],
    [new Map([[1, 2]])],
    [new Set([1, 2])],
    [[[1, 2]]],
    [new URL('https://a.b/')],
    ['https://a.b/'],
    ['x'.repeat(300)],
    ['x'.repeat(301)],
    ['é'],
  ]

  it('tells arguments apart', () => {
    const keys = different.map((args) => argumentKey(args))
    expect(new Set(keys).size).toBe(different.length)
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThanOrEqual(200)
  })

  it('is the same only for the same JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = argumentKey([a]) === argumentKey([b])
        let equal = true
        try {
          expect(a).toStrictEqual(b)
        } catch {
          equal = false
        }
        expect(same).toBe(equal)
      }),
    )
  })

  it('does not depend on the order of the keys of an object', () => {
    expect(argumentKey([{ a: 1, b: { c: 2, d: 3 } }])).toBe(
      argumentKey([{ b: { d: 3, c: 2 }, a: 1 }]),
    )
  })

  const circular: unknown[] = []
  circular.push(circular)
  it.each<[name: string, argument: () => unknown]>([
    ['a function', () => () => 1],
    ['a symbol', () => Symbol('s')],
    ['an instance of a class', () => new (class A {})()],
    ['an array that contains itself', () => circular],
    ['an object with symbols', () => ({ [Symbol('s')]: 1 })],
  ])('refuses %s', (_, argument) => {
    expect(() => argumentKey([argument()])).toThrow('Option "key" must be a function')
  })
})

import { startCluster, type RedisCluster } from '@cache/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidKeyError, InvalidOptionError, checkPrefix, companion, createKeys, hashTag, rawKey, slot } from '../src/index.js'
import { companionNames } from '../src/keys.js'

const nasty = fc.constantFrom('*', '{}', '{', '}', '}{', ':', '%', '%3A', 'lease', 'intents', '__proto__', 'constructor', '😀', ' ', 'a:b', '{a}', 'é', '\u2028', '42')
const text = fc.oneof(nasty, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((s) => !/[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(s)), fc.array(nasty, { minLength: 1, maxLength: 3 }).map((all) => all.join('')))
const part = fc.oneof(text, fc.integer(), fc.bigInt())
const parts = fc.array(part, { minLength: 1, maxLength: 4 })
const RUNS = { numRuns: process.env.CHAOS ? 200_000 : 5_000 }

describe('createKeys', () => {
  it('never makes the same key of different parts', () => {
    const key = createKeys('shop', 'product')
    fc.assert(fc.property(parts, parts, (a, b) => {
      expect(key(...a) === key(...b)).toBe(JSON.stringify(a.map(String)) === JSON.stringify(b.map(String)))
    }), RUNS)
  })

  it('leaves its namespace and prefix with no part, and has no companion’s name', () => {
    for (const start of ['shop:product', 'shop:{t}product']) {
      const key = createKeys('shop', start.slice(5))
      fc.assert(fc.property(parts, parts, (a, b) => {
        const made = key(...a)
        expect(made.startsWith(`${start}:`)).toBe(true)
        expect(made.slice(start.length + 1)).not.toMatch(/[{}]/)
        for (const name of companionNames) expect(made).not.toBe(companion(key(...b), name))
      }), RUNS)
    }
  })

  it('lets no part choose a slot, unless a hash tag is in the prefix', () => {
    fc.assert(fc.property(parts, (a) => {
      expect(hashTag(createKeys('n', 'p')(...a))).toBeUndefined()
      expect(hashTag(createKeys('n', '{t}p')(...a))).toBe('t')
    }), RUNS)
  })

  it.each([['no parts', []], ['an empty part', ['']], ['a newline', ['a\nb']], ['NUL', ['\0']], ['DEL', ['\u007f']], ['a lone surrogate', ['\ud800']], ['10 KB', ['x'.repeat(10_000)]], ['10 KB together', ['x'.repeat(5_000), 'y'.repeat(5_000)]], ['undefined', [undefined]], ['null', [null]], ['an object', [{}]], ['a boolean', [true]], ['NaN', [NaN]], ['Infinity', [Infinity]], ['2^53', [2 ** 53]]])('refuses %s', (_, bad) => {
    expect(() => createKeys('n', 'p')(...(bad as string[]))).toThrow(InvalidKeyError)
  })

  it.each(['', 'a\nb', '{', '}', '{}', '{a}{b}', 'a{b', 'a}b', 7, null, {}])('refuses %j as a prefix', (prefix) => {
    expect(() => checkPrefix('prefix', prefix)).toThrow(InvalidOptionError)
  })
})

describe('companions', () => {
  it('of different raw keys are different, and are nobody’s entry', () => {
    const rawish = fc.array(fc.constantFrom('a', 'b', ':', '{', '}', 'lease', 'intents', '{a}', 'x'), { minLength: 1, maxLength: 6 }).map((all) => all.join('')).filter((key) => { try { return rawKey(key) !== '' } catch { return false } })
    fc.assert(fc.property(rawish, rawish, (a, b) => {
      for (const one of companionNames) {
        expect(companion(a, one)).not.toBe(b)
        for (const other of companionNames) if (a !== b || one !== other) expect(companion(a, one)).not.toBe(companion(b, other))
        expect(slot(companion(a, one))).toBe(slot(a))
      }
    }), RUNS)
  })
})

describe('slot', () => {
  let cluster: RedisCluster
  beforeAll(async () => void (cluster = await startCluster()))
  afterAll(() => cluster.stop())

  it('is where a Cluster keeps the key', async () => {
    const keys = ['a', '{a}b', 'x{y}z', '{}a', 'a{}', 'foo{{bar}}', 'foo{bar}{zap}', '😀', createKeys('shop', 'p')('{7}'), companion('{a}b', 'lease'), ...Array.from({ length: 30 }, (_, i) => `k${i}`)]
    for (const key of keys) expect(String(slot(key)), key).toBe(await cluster.nodes[0]!.cli('CLUSTER', 'KEYSLOT', key))
    expect(slot('123456789')).toBe(0x31c3) // the vector of the specification
  })
})

import { startRedisCluster, type RedisCluster } from '@cache/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Redis } from 'ioredis'
import { InvalidKeyError, InvalidOptionError, hashTag, slot, type KeyPart } from '../src/index.js'
import {
  beside,
  checkPrefix,
  companion,
  createKeys,
  rawKey,
  type CompanionName,
} from '../src/internal.js'
import { MAX_KEY_BYTES, companionNames, companionOf, isBeside } from '../src/client/keys.js'

const RUNS = process.env.CHAOS ? 100_000 : 3_000

const hostile = [
  '*',
  '?',
  '[a-z]',
  '{}',
  '{x}',
  '}',
  '{',
  '}{',
  ':',
  '::',
  '%',
  '%3A',
  '%25',
  'a:b',
  'lease',
  'intents',
  ':lease',
  '%6Cease',
  '..',
  '/',
  ' ',
  '😀',
  'é',
  'e\u0301',
  '__proto__',
  'constructor',
  'undefined',
  '0',
  '-0',
  '1e21',
  'x'.repeat(1_000),
]
/** Parts whose escapes could collide are the most frequent. */
const text = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({
    unit: fc.constantFrom('a', ':', '%', '{', '}', '2', '5', '3', 'A', '6', 'C', 'lease'),
    minLength: 1,
    maxLength: 6,
  }),
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((part) => !/[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u.test(part)),
)
const part: fc.Arbitrary<KeyPart> = fc.oneof(
  { weight: 4, arbitrary: text },
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  fc.bigInt(),
)
const parts = fc.array(part, { minLength: 1, maxLength: 4 })
const prefix = fc.option(
  fc.constantFrom('shop', 'shop:eu', '{shop}', 'a{tag}b', '%', 'lease', 'x y'),
  { nil: undefined },
)

describe('createKeys', () => {
  it('joins the namespace, the prefix and the parts', () => {
    expect(createKeys('shop', 'product')(42)).toBe('shop:product:42')
    expect(createKeys('shop')('product', 42n, 'a')).toBe('shop:product:42:a')
    expect(createKeys()('*')).toBe('*')
    expect(createKeys('', '')('a')).toBe('a')
    expect(createKeys('{shop}:eu')('a:b', '50%', '{c}')).toBe('{shop}:eu:a%3Ab:50%25:%7Bc%7D')
  })

  it('makes different keys of different parts: all of the short ones', () => {
    const alphabet = [
      'a',
      ':',
      '%',
      '{',
      '}',
      '%3A',
      '%25',
      '2',
      'lease',
      '%6Cease',
      '::',
      'a:',
      ':a',
    ]
    const lists = alphabet.flatMap((a) => [
      [a],
      ...alphabet.flatMap((b) => [[a, b], ...alphabet.map((c) => [a, b, c])]),
    ])
    for (const namespace of [undefined, 'shop', '{shop}']) {
      const key = createKeys(namespace)
      expect(new Set(lists.map((list) => key(...list))).size).toBe(lists.length)
    }
  })

  it('makes different keys of different parts: any', () => {
    fc.assert(
      fc.property(prefix, parts, parts, (namespace, one, other) => {
        const key = createKeys(namespace)
        const same =
          one.length === other.length && one.every((each, i) => String(each) === String(other[i]))
        expect(key(...one) === key(...other)).toBe(same)
      }),
      { numRuns: RUNS },
    )
  })

  it('keeps every part inside its namespace, and readable: it can be parsed again', () => {
    fc.assert(
      fc.property(prefix, prefix, parts, (namespace, own, list) => {
        const start = [namespace, own]
          .filter((each) => each !== undefined)
          .map((each) => `${each}:`)
          .join('')
        const key = createKeys(namespace, own)(...list)
        expect(key.startsWith(start)).toBe(true)
        expect(
          key
            .slice(start.length)
            .split(':')
            .map((each) => decodeURIComponentOfOurs(each)),
        ).toEqual(list.map(String))
      }),
      { numRuns: RUNS },
    )
  })

  it('lets no part choose a Cluster slot', () => {
    fc.assert(
      fc.property(prefix, parts, (namespace, list) => {
        expect(hashTag(createKeys(namespace)(...list))).toBe(
          namespace === undefined ? undefined : hashTag(namespace),
        )
      }),
      { numRuns: RUNS },
    )
  })

  const bad: readonly [what: string, parts: readonly unknown[]][] = [
    ['no part', []],
    ['an empty part', ['']],
    ['an empty part behind another', ['a', '']],
    ['a newline', ['a\nb']],
    ['a NUL', ['\0']],
    ['DEL', ['\u007f']],
    ['a high surrogate alone', ['\ud800']],
    ['a low surrogate alone', ['a\udc00b']],
    ['surrogates the wrong way round', ['\udc00\ud800']],
    ['10 KB', ['x'.repeat(10_240)]],
    ['10 KB that need escapes', [':'.repeat(10_240)]],
    ['10 KB in two parts', ['x'.repeat(5_000), 'x'.repeat(5_240)]],
    ['what is too long in UTF-8 only', ['é'.repeat(4_097)]],
    ['what is too long when escaped only', [':'.repeat(3_000)]],
    ['NaN', [NaN]],
    ['Infinity', [Infinity]],
    ['-Infinity', [-Infinity]],
    ['2^53', [2 ** 53]],
    ['-2^53', [-(2 ** 53)]],
    ['1e21', [1e21]],
    ['undefined', [undefined]],
    ['null', [null]],
    ['true', [true]],
    ['an object', [{}]],
    ['an object that says it is a key', [{ toString: () => 'k' }]],
    ['an array', [['a']]],
    ['a symbol', [Symbol('a')]],
    ['a function', [() => 'a']],
    ['a String', [new String('a')]],
  ]
  it.each(bad)('refuses %s', (_, list) => {
    for (const key of [createKeys(), createKeys('shop'), createKeys('{shop}', 'p')]) {
      expect(() => key(...(list as KeyPart[]))).toThrow(InvalidKeyError)
      expect(() => key(...(list as KeyPart[]))).toThrow(
        expect.objectContaining({ code: 'INVALID_KEY' }),
      )
    }
  })

  it('shows only the beginning of a long key, and no control characters', () => {
    for (const hopeless of ['x'.repeat(10_240), '\u001b[31m\n\0\u007f']) {
      try {
        createKeys()(hopeless)
        expect.unreachable()
      } catch (error) {
        expect((error as Error).message.length).toBeLessThan(300)
        expect((error as Error).message).not.toMatch(/[\u0000-\u001f\u007f]/)
      }
    }
  })

  it('accepts a key of 8 KiB, and none that is a byte longer', () => {
    expect(createKeys('shop')('x'.repeat(MAX_KEY_BYTES - 5))).toHaveLength(MAX_KEY_BYTES)
    expect(() => createKeys('shop')('x'.repeat(MAX_KEY_BYTES - 4))).toThrow(InvalidKeyError)
    expect(createKeys()('😀'.repeat(MAX_KEY_BYTES / 4))).toHaveLength(MAX_KEY_BYTES / 2)
    expect(() => createKeys()('😀'.repeat(MAX_KEY_BYTES / 4 + 1))).toThrow(InvalidKeyError)
  })
})

describe('checkPrefix', () => {
  it.each(['shop', 'a:b', '{tag}', 'a{tag}b', '*', ' ', '😀', '__proto__', '%'])(
    'takes %j as it is',
    (value) => {
      expect(checkPrefix('namespace', value)).toBe(value)
      expect(createKeys(value)('x')).toBe(`${value}:x`)
    },
  )

  it.each([
    '{',
    '}',
    '{}',
    '}{',
    '{a',
    'a}',
    '{a}{b}',
    '{{a}}',
    'a\nb',
    '\0',
    '\u007f',
    '\ud800',
    5,
    null,
    {},
    true,
  ])('refuses %j, naming the option', (value) => {
    for (const make of [() => checkPrefix('namespace', value), () => createKeys(value as string)]) {
      expect(make).toThrow(InvalidOptionError)
      expect(() => createKeys('a:{a:b}')).toThrow('"namespace"')
      expect(() => createKeys('a', '{a:b}')).toThrow('"prefix"')
      expect(() => checkPrefix('item.prefix', '{a:b}', 'a')).toThrow('"item.prefix"')
      expect(checkPrefix('item.prefix', '{a:b}', 'b')).toBe('{a:b}')
      expect(make).toThrow('"namespace"')
    }
    expect(() => createKeys('shop', value as string)).toThrow('"prefix"')
  })

  it('refuses prefixes whose keys would be taken for companions', () => {
    for (const make of [
      () => createKeys('a', '{a:b}'),
      () => createKeys('a:{a:b}'),
      () => createKeys(undefined, 'a:{a:b}:c'),
    ])
      expect(make).toThrow(InvalidOptionError)
    expect(createKeys('a', '{b}')(1)).toBe('a:{b}:1')
  })
})

describe('rawKey', () => {
  it.each([
    'user:42',
    '{user}:42',
    'a{b',
    '*',
    '%',
    ':',
    'lease',
    'x:lease',
    '😀',
    '__proto__',
    '{a}lease',
    '{a}:leases',
  ])('takes %j as it is', (key) => {
    expect(rawKey(key)).toBe(key)
  })

  it.each([
    '',
    '}',
    'a}',
    '{}',
    '{}x',
    'a{}b',
    '{a}',
    '{a}:lease',
    '{a}:intents',
    'a:{a:b}',
    'a:{a:b}:lease',
    'a:{a:b}:c',
    '{a}:b:lease',
    'a{b}c:lease',
    'a\nb',
    '\0',
    '\ud800',
    'x'.repeat(10_240),
    5,
    undefined,
    null,
    {},
  ])('refuses %j', (key) => {
    expect(() => rawKey(key as string)).toThrow(InvalidKeyError)
  })

  it('accepts every key that createKeys makes', () => {
    fc.assert(
      fc.property(prefix, parts, (namespace, list) => {
        const key = createKeys(namespace)(...list)
        expect(rawKey(key)).toBe(key)
      }),
      { numRuns: RUNS },
    )
  })
})

describe('companion', () => {
  const raw = fc
    .oneof(
      fc.constantFrom(...hostile),
      fc.string({
        unit: fc.constantFrom('a', '{', '}', ':', 'lease', 'intents'),
        minLength: 1,
        maxLength: 7,
      }),
    )
    .filter(isAccepted)
  const name = fc.constantFrom<CompanionName>(...companionNames)

  it('names the companions of an entry', () => {
    expect(companion('shop:product:42', 'lease')).toBe('shop:product:{shop:product:42}:lease')
    expect(companion('{shop}:product:42', 'lease')).toBe('{shop}:product:42:lease')
  })

  it('begins like its key, up to the last part', () => {
    fc.assert(
      fc.property(prefix, parts, name, (namespace, list, which) => {
        const key = createKeys(namespace)(...list)
        expect(companion(key, which).startsWith(key.slice(0, key.lastIndexOf(':') + 1))).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })

  it('is told from other keys, as are all keys beside a key of two parts', () => {
    fc.assert(
      fc.property(raw, name, (key, which) => {
        expect(companionOf(companion(key, which))).toBe(key)
        expect(isBeside(companion(key, which))).toBe(true)
        if (hashTag(key) === undefined && key.includes(':'))
          expect(isBeside(`${beside(key)}:any:thing`)).toBe(true)
        expect(isBeside(key)).toBe(false)
      }),
      { numRuns: RUNS },
    )
    for (const key of [
      'shop:product:42',
      '{user}:42',
      '{user:42}:cart',
      'shop:{user:42}:cart',
      'lease',
      'a:lease',
      '{a:b}',
    ])
      expect(isBeside(key)).toBe(false)
  })

  it('is in the slot of its key, whatever the key', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          raw,
          fc.tuple(prefix, parts).map(([namespace, list]) => createKeys(namespace)(...list)),
        ),
        name,
        (key, which) => {
          expect(slot(companion(key, which))).toBe(slot(key))
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('is never the key of another entry, nor of another companion', () => {
    fc.assert(
      fc.property(raw, raw, name, name, (one, other, mine, theirs) => {
        expect(companion(one, mine)).not.toBe(other)
        if (one !== other || mine !== theirs)
          expect(companion(one, mine)).not.toBe(companion(other, theirs))
      }),
      { numRuns: 10 * RUNS },
    )
  })

  it('is never a key that createKeys makes', () => {
    fc.assert(
      fc.property(prefix, parts, parts, name, (namespace, one, other, which) => {
        const key = createKeys(namespace)
        expect(companion(key(...one), which)).not.toBe(key(...other))
      }),
      { numRuns: RUNS },
    )
  })
})

describe('slot', () => {
  it.each([
    ['123456789', 12_739],
    ['foo', 12_182],
    ['', 0],
    ['{user1000}.following', 3_443],
    ['{user1000}.followers', 3_443],
    ['user1000', 3_443],
  ])("of %j is the specification's", (key, expected) => {
    expect(slot(key)).toBe(expected)
  })

  it.each([
    ['{a}b', 'a'],
    ['x{a}b', 'a'],
    ['{a}{b}', 'a'],
    ['{{a}}', '{a'],
    ['{}a', undefined],
    ['a{}{b}', undefined],
    ['{a', undefined],
    ['a}', undefined],
    ['}{a}', 'a'],
    ['', undefined],
  ])('looks at the hash tag of %j: %j', (key, tag) => {
    expect(hashTag(key)).toBe(tag)
  })

  describe('on a Cluster', () => {
    let cluster: RedisCluster
    let node: Redis
    beforeAll(async () => {
      cluster = await startRedisCluster()
      node = new Redis(cluster.primaries[0]!.url)
    })
    afterAll(async () => {
      node.disconnect()
      await cluster.stop()
    })

    it('equals CLUSTER KEYSLOT, for keys and their companions', async () => {
      const keys = fc.sample(
        fc.oneof(
          fc.tuple(prefix, parts).map(([namespace, list]) => createKeys(namespace)(...list)),
          text.filter(isAccepted),
        ),
        RUNS,
      )
      const all = keys.flatMap((key) => [
        key,
        ...companionNames.map((name) => companion(key, name)),
      ])
      const asked = node.pipeline()
      for (const key of all) asked.call('CLUSTER', 'KEYSLOT', key)
      const answers = (await asked.exec())!.map(([error, answer]) => error ?? answer)
      expect(all.filter((key, i) => slot(key) !== answers[i])).toEqual([])
    })
  })
})

function isAccepted(key: string): boolean {
  try {
    return rawKey(key) === key
  } catch {
    return false
  }
}

function decodeURIComponentOfOurs(escaped: string): string {
  return escaped.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
}

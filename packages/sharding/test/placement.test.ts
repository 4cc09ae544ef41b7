import { createHash } from 'node:crypto'
import { InvalidOptionError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import {
  jump,
  ketama,
  modulo,
  rendezvous,
  type Placement,
  type WeightedShard,
} from '../src/index.js'
import { crc32, fnv1a } from '../src/placement/hashes.js'
import { jumpHash } from '../src/placement/jump.js'

const KEYS = process.env.CHAOS ? 1_000_000 : 200_000
const shards = (count: number): WeightedShard[] =>
  Array.from({ length: count }, (_, i) => ({ name: `10.0.0.${i + 1}:6379`, weight: 1 }))
const weighted = (weights: readonly number[]): WeightedShard[] =>
  weights.map((weight, i) => ({ name: `10.0.0.${i + 1}:6379`, weight }))
const key = (i: number): string => `shop:product:${i}`

describe('ketama', () => {
  it.each<readonly [string, readonly WeightedShard[]]>([
    ['3 equal servers', weighted([1, 1, 1])],
    ['8 equal servers', weighted([1, 1, 1, 1, 1, 1, 1, 1])],
    ['servers of different sizes', weighted([600, 300, 200, 350, 1_000, 800, 950, 100])],
    ['one server that is much smaller', weighted([1, 1, 0.03])],
    ...[5, 7, 11, 41, 49].map(
      (count) =>
        [
          `${count} servers, whose shares are not round`,
          weighted(Array.from({ length: count }, () => 1)),
        ] as const,
    ),
  ])('puts keys where libketama puts them: %s', (_, servers) => {
    const indexOf = ketama().build(servers)
    const server = libketama(servers)
    for (let i = 0; i < 1_000; i++) expect(servers[indexOf(key(i))]!.name).toBe(server(key(i)))
    for (const name of ['', '{', 'é😀', '__proto__', 'x'.repeat(5_000)])
      expect(servers[indexOf(name)]!.name).toBe(server(name))
  })

  it.each<readonly [string, readonly WeightedShard[], boolean]>([
    ['3 equal servers', weighted([1, 1, 1]), true],
    ['servers of different sizes', weighted([600, 300, 200, 350, 1_000, 800, 950, 100]), true],
    ['24 equal servers', shards(24), true],
    ...[25, 47, 50, 55].map((count) => [`${count} equal servers`, shards(count), false] as const),
  ])('puts keys where twemproxy puts them, but for some weights: %s', (_, servers, same) => {
    const indexOf = ketama().build(servers)
    const server = onRing(pointsOf(servers, digestsOfTwemproxy))
    const keys = Array.from({ length: 1_000 }, (_, i) => key(i))
    expect(keys.every((k) => servers[indexOf(k)]!.name === server(k))).toBe(same)
  })

  it('refuses a weight with which a shard would get no key', () => {
    for (const weights of [
      [1, 1, 0.01],
      [1e308, 1e308],
    ])
      expect(() => ketama().build(weighted(weights))).toThrow(InvalidOptionError)
  })

  it('gives a server of average weight 160 points', () => {
    expect(libketamaPoints(weighted([1, 1, 1])).length).toBe(3 * 160)
    expect(
      libketamaPoints(weighted([1, 2, 3])).filter(({ server }) => server === '10.0.0.2:6379')
        .length,
    ).toBe(160)
  })
})

describe('jump', () => {
  it('gives the results of the reference implementation', () => {
    // From the tests of https://github.com/dgryski/go-jump
    for (const [value, buckets, bucket] of [
      [1n, 1, 0],
      [42n, 57, 43],
      [0xdead10ccn, 1, 0],
      [0xdead10ccn, 666, 361],
      [256n, 1_024, 520],
    ] as const) {
      expect(jumpHash(Number(value >> 32n), Number(value & 0xffffffffn), buckets)).toBe(bucket)
    }
  })

  it('computes with 64 bits', () => {
    let value = 1n
    for (let i = 0; i < 2_000; i++) {
      value = BigInt.asUintN(64, value * 6364136223846793005n + 1442695040888963407n)
      expect(
        jumpHash(Number(value >> 32n) | 0, Number(value & 0xffffffffn) | 0, 1 + (i % 100)),
      ).toBe(jumpOf(value, 1 + (i % 100)))
    }
  })
})

describe('modulo', () => {
  it('is the CRC-32 of the bytes modulo the number of shards', () => {
    expect(crc32('123456789')).toBe(0xcbf43926)
    expect(crc32('é😀')).toBe(crc32Of(Buffer.from('é😀')))
    const indexOf = modulo().build(shards(7))
    for (let i = 0; i < 1_000; i++) expect(indexOf(key(i))).toBe(crc32Of(Buffer.from(key(i))) % 7)
  })
})

describe('rendezvous', () => {
  it('uses the FNV-1a hash of the UTF-8 bytes', () => {
    expect(fnv1a('foobar') >>> 0).toBe(0xbf9cf968)
    expect(fnv1a('é') >>> 0).toBe(
      Buffer.from('é').reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 0,
    )
  })

  it('puts keys on the same shard whether all weights are 1 or 3', () => {
    const [one, three, nearly] = [
      [1, 1, 1, 1],
      [3, 3, 3, 3],
      [1, 1, 1, 1 + 1e-12],
    ].map((weights) => rendezvous().build(weighted(weights)))
    for (let i = 0; i < 10_000; i++) {
      expect(three!(key(i))).toBe(one!(key(i)))
      expect(nearly!(key(i))).toBe(one!(key(i))) // computed with logarithms
    }
  })
})

describe.each<[Placement, { readonly balance: number; readonly moved: number }]>([
  [rendezvous(), { balance: 1.02, moved: 0.115 }],
  [ketama(), { balance: 1.25, moved: 0.15 }],
  [jump(), { balance: 1.02, moved: 0.115 }],
  [modulo(), { balance: 1.02, moved: 0.9 }],
])('$name', (placement, { balance, moved }) => {
  it(`gives none of 8 shards more than ${balance} times the average number of keys`, () => {
    const counts = spread(placement, shards(8))
    expect(Math.max(...counts) / (KEYS / 8)).toBeLessThan(balance)
    for (const pattern of ['{user:%}:cart', 'a%', '%', 'shop:session:00%ffee']) {
      const indexOf = placement.build(shards(8))
      const counts = new Array<number>(8).fill(0)
      for (let i = 0; i < KEYS / 4; i++) counts[indexOf(pattern.replace('%', String(i)))]!++
      expect(Math.max(...counts) / (KEYS / 4 / 8), pattern).toBeLessThan(balance * 1.03)
    }
  })

  it(`moves at most ${moved * 100} % of the keys to a ninth shard, and no others`, () => {
    const [before, after] = [placement.build(shards(8)), placement.build(shards(9))]
    let count = 0
    let elsewhere = 0
    for (let i = 0; i < KEYS; i++) {
      if (before(key(i)) === after(key(i))) continue
      count++
      if (after(key(i)) !== 8) elsewhere++
    }
    expect(count / KEYS).toBeLessThan(moved)
    expect(count / KEYS).toBeGreaterThan(0.08)
    if (placement.name !== 'modulo')
      expect(elsewhere).toBeLessThanOrEqual(placement.name === 'ketama' ? KEYS / 100 : 0)
  })

  it('gives a shard keys in proportion to its weight', () => {
    const counts = spread(placement, weighted([1, 2, 1]))
    expect(counts[1]! / KEYS).toBeGreaterThan(0.5 / 1.15)
    expect(counts[1]! / KEYS).toBeLessThan(0.5 * 1.15)
  })

  it('returns an index for keys of any name, and always 0 for a single shard', () => {
    const [indexOf, only] = [placement.build(shards(5)), placement.build(shards(1))]
    for (const name of [
      '',
      '*',
      '{}',
      '}{',
      '😀',
      '__proto__',
      'constructor',
      '\0',
      '\ud800',
      'x'.repeat(10_000),
    ]) {
      expect([0, 1, 2, 3, 4]).toContain(indexOf(name))
      expect(indexOf(name)).toBe(indexOf(name))
      expect(only(name)).toBe(0)
    }
  })
})

it.each([rendezvous(), ketama()])('$name: the order of shards does not matter', (placement) => {
  const [inOrder, reverse] = [shards(5), shards(5).reverse()]
  const [indexOf, reverseIndexOf] = [placement.build(inOrder), placement.build(reverse)]
  for (let i = 0; i < 10_000; i++)
    expect(inOrder[indexOf(key(i))]!.name).toBe(reverse[reverseIndexOf(key(i))]!.name)
})

it('rendezvous: an added shard takes only its own keys, also with weights', () => {
  const [before, after] = [
    rendezvous().build(weighted([1, 2, 3])),
    rendezvous().build(weighted([1, 2, 3, 2])),
  ]
  for (let i = 0; i < 20_000; i++)
    if (before(key(i)) !== after(key(i))) expect(after(key(i))).toBe(3)
})

function spread(placement: Placement, on: readonly WeightedShard[]): number[] {
  const indexOf = placement.build(on)
  const counts = new Array<number>(on.length).fill(0)
  for (let i = 0; i < KEYS; i++) counts[indexOf(key(i))]!++
  return counts
}

// The following functions are ketama.c, line by line: `ketama_create_continuum` and
// `ketama_get_server`.

/** floorf(pct * 40.0 * (float)numservers), with a float pct. */
function digestsOfLibketama(pct: number, count: number): number {
  return Math.floor(Math.fround(pct * 40.0 * count))
}

/**
 * floorf((float)(pct * 160 / 4 * (float)nlive_server + 0.0000000001)), in single precision up to
 * the sum.
 */
function digestsOfTwemproxy(pct: number, count: number): number {
  return Math.floor(
    Math.fround(Math.fround(Math.fround(Math.fround(pct * 160) / 4) * count) + 0.0000000001),
  )
}

function libketamaPoints(servers: readonly WeightedShard[]): Continuum {
  return pointsOf(servers, digestsOfLibketama)
}

type Continuum = { readonly point: number; readonly server: string }[]

function pointsOf(
  servers: readonly WeightedShard[],
  digests: (pct: number, count: number) => number,
): Continuum {
  const memory = servers.reduce((sum, { weight }) => sum + weight, 0)
  const continuum: Continuum = []
  for (const { name, weight } of servers) {
    const ks = digests(Math.fround(weight / memory), servers.length)
    for (let k = 0; k < ks; k++) {
      const digest = createHash('md5').update(`${name}-${k}`).digest()
      for (let h = 0; h < 4; h++) {
        const point =
          (BigInt(digest[3 + h * 4]!) << 24n) |
          (BigInt(digest[2 + h * 4]!) << 16n) |
          (BigInt(digest[1 + h * 4]!) << 8n) |
          BigInt(digest[h * 4]!)
        continuum.push({ point: Number(point), server: name })
      }
    }
  }
  return continuum.sort((a, b) => a.point - b.point)
}

function libketama(servers: readonly WeightedShard[]): (key: string) => string {
  return onRing(libketamaPoints(servers))
}

function onRing(continuum: Continuum): (key: string) => string {
  return (text) => {
    const digest = createHash('md5').update(text).digest()
    const h = digest[0]! + digest[1]! * 2 ** 8 + digest[2]! * 2 ** 16 + digest[3]! * 2 ** 24
    for (const { point, server } of continuum) if (point >= h) return server
    return continuum[0]!.server
  }
}

/** The algorithm as the paper writes it. */
function jumpOf(value: bigint, buckets: number): number {
  let [b, j] = [-1n, 0n]
  while (j < BigInt(buckets)) {
    b = j
    value = BigInt.asUintN(64, value * 2862933555777941757n + 1n)
    j = BigInt(Math.floor(Number(b + 1n) * (2 ** 31 / Number((value >> 33n) + 1n))))
  }
  return Number(b)
}

/** Computes the CRC-32 bit by bit. */
function crc32Of(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

import { InvalidOptionError, type Driver } from '@cache/core'
import { everythingShown } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import {
  jump,
  ketama,
  modulo,
  rendezvous,
  shardedDriver,
  type ShardedDriverOptions,
} from '../src/index.js'

const untouched = () => {
  throw new Error('nothing may be sent')
}
const driver = (): Driver => ({
  name: 'none',
  topology: 'standalone',
  send: untouched,
  group: untouched,
  dedicate: untouched,
  subscribe: untouched,
  nodes: untouched,
  close: async () => undefined,
})
const same = driver()

const wrongOptions: readonly (readonly [option: string, options: unknown])[] = [
  ['shardedDriver', undefined],
  ['shardedDriver', []],
  ['shards', {}],
  ['shards', { shards: {} }],
  ['shards', { shards: [driver()] }],
  ['shards', { shards: null }],
  ['shards.a', { shards: { a: null } }],
  ['shards.a', { shards: { a: {} } }],
  ['shards.a', { shards: { a: 'redis://localhost' } }],
  ['shards.a', { shards: { a: { driver: driver(), wieght: 2 } } }],
  ['shards.a', { shards: { a: { weight: 2 } } }],
  ['shards.', { shards: { '': driver() } }],
  ['shards.a\n', { shards: { 'a\n': driver() } }],
  ['shards.b', { shards: { a: same, b: same } }],
  ...[0, -1, NaN, Infinity, '2', null].map(
    (weight) => ['shards.a.weight', { shards: { a: { driver: driver(), weight } } }] as const,
  ),
  ...[jump(), modulo()].flatMap((placement) =>
    [0.5, 1.5, 5_000].map(
      (weight) =>
        ['shards.a.weight', { shards: { a: { driver: driver(), weight } }, placement }] as const,
    ),
  ),
  ...[
    'ketama',
    {},
    null,
    ketama,
    { name: 'broken', build: () => () => 1 },
    { name: 'broken', build: () => () => NaN },
  ].map((placement) => ['placement', { shards: { a: driver() }, placement }] as const),
  ...[0, -1, '1', '100ms', '2d', NaN].map(
    (announceFor) => ['announceFor', { shards: { a: driver() }, announceFor }] as const,
  ),
  ['onShardDown', { shards: { a: driver() }, onShardDown: 'retry' }],
  ['breaker.failures', { shards: { a: driver() }, breaker: { failures: 0 } }],
  ['breaker.cooldown', { shards: { a: driver() }, breaker: { cooldown: -1 } }],
  ['breaker.failure', { shards: { a: driver() }, breaker: { failure: 1 } }],
  ['timeout', { shards: { a: driver() }, timeout: 0 }],
  ['placement', { shards: { a: driver() }, placement: { name: 'mine', build: () => 1 } }],
  ['placment', { shards: { a: driver() }, placment: ketama() }],
]

describe('a wrong option is refused by its name, and nothing is sent', () => {
  it.each(wrongOptions)('%s', async (option, options) => {
    expect(() => shardedDriver(options as ShardedDriverOptions)).toThrow(InvalidOptionError)
    expect(() => shardedDriver(options as ShardedDriverOptions)).toThrow(`"${option}"`)
  })

  it.each<[string, unknown]>([
    ['as the name of a shard', { 'redis://bob:P4SSWORD@h:1': driver() }],
    ['for the driver of a shard', { a: 'redis://bob:P4SSWORD@h:1' }],
    ['for all shards', ['redis://bob:P4SSWORD@h:1']],
  ])('an address with a password is refused %s, and not shown in the error', (_, shards) => {
    let refusal: unknown
    try {
      shardedDriver({ shards } as ShardedDriverOptions)
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(InvalidOptionError)
    expect(everythingShown(refusal)).not.toContain('P4SSWORD')
  })

  it.each([
    ['shards', { shards: {} }],
    ['shards.a', { shards: { a: 1 } }],
    ['shards.a', { shards: { a: driver() } }], // another driver under a known name
    ['placement', { shards: { c: driver() }, placement: 'jump' }],
    ['announceFor', { shards: { c: driver() }, announceFor: '1s' }],
  ])('of the next layout: %s', async (option, next) => {
    const sharded = shardedDriver({ shards: { a: driver(), b: driver() } })
    await expect(sharded.reshard(next as never)).rejects.toThrow(`"${option}"`)
  })

  it.each([['x'], [['x']], [[1]], [{}]])('of the lost shards: %s', async (lost) => {
    const a = driver()
    await expect(
      shardedDriver({ shards: { a, b: driver() } }).reshard({ shards: { a } }, { lost } as never),
    ).rejects.toThrow('"lost"')
    await expect(
      shardedDriver({ shards: { a, b: driver() } }).reshard({ shards: { a } }, {
        lots: [],
      } as never),
    ).rejects.toThrow('"lots"')
  })
})

it('accepts names of any kind', () => {
  const names = ['__proto__', 'constructor', 'toString', '10.0.0.1:6379', '😀', 'a b', '{a}', '1']
  for (const placement of [rendezvous(), ketama(), jump(), modulo()]) {
    const shards = Object.fromEntries(names.map((name) => [name, driver()]))
    Object.defineProperty(shards, '__proto__', { value: driver(), enumerable: true })
    const sharded = shardedDriver({ shards, placement })
    const seen = new Set(Array.from({ length: 1_000 }, (_, i) => sharded.shardOf(`k${i}`)))
    expect([...seen].sort()).toEqual([...names].sort())
  }
})

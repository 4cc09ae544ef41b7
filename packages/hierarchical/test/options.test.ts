import { InvalidKeyError, InvalidOptionError, createCacheClient, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createHierarchical } from '../src/index.js'

const untouched = (): never => {
  throw new Error('nothing is to be sent')
}
const driver: Driver = {
  name: 'none',
  topology: 'standalone',
  send: untouched,
  group: untouched,
  dedicate: untouched,
  subscribe: untouched,
  nodes: untouched,
  close: async () => undefined,
}
const client = createCacheClient(driver)
const id = (row: { id: number }): number => row.id
const right = {
  client,
  ttl: '1h' as const,
  item: { prefix: 'product', id },
  group: { prefix: 'category', id },
  groupOf: () => 7,
  loadGroup: () => [],
}
const levels = [right.item, { ...right.group, of: () => 7, load: () => [] }] as const

const wrong: readonly [option: string, change: object][] = [
  ['client', { client: undefined }],
  ['client', { client: {} }],
  ['ttl', { ttl: undefined }],
  ['ttl', { ttl: 0 }],
  ['ttl', { ttl: 'never' }],
  ['ttl', { ttl: () => '1h' }],
  ['ttl', { ttl: '1 x' }],
  ['item', { item: 'product' }],
  ['item.prefix', { item: { id } }],
  ['item.prefix', { item: { prefix: '', id } }],
  ['item.id', { item: { prefix: 'product' } }],
  ['item.id', { item: { prefix: 'product', id: 'id' } }],
  ['item.key', { item: { prefix: 'product', id, key: id } }],
  ['item.prefix', { item: { prefix: 'version-of', id } }],
  ['group.prefix', { group: { prefix: 'version-of', id } }],
  ['item.prefix', { item: { prefix: 'a:{a:b}', id } }],
  ['group.prefix', { group: { prefix: 'a:{a:b}', id } }],
  ['item.prefix', { item: undefined }],
  ['group.prefix', { group: undefined }],
  ['group.prefix', { group: { prefix: 7, id } }],
  ['group.id', { group: { prefix: 'category' } }],
  ['group.prefix', { group: { prefix: 'product', id } }],
  ['groupOf', { groupOf: undefined }],
  ['groupOf', { groupOf: 7 }],
  ['loadGroup', { loadGroup: undefined }],
  ['loadGroup', { loadGroup: [] }],
  ['maxGroupBytes', { maxGroupBytes: 0 }],
  ['maxGroupBytes', { maxGroupBytes: '1 pound' }],
  ['jitter', { jitter: 2 }],
  ['codec', { codec: 'json' }],
  ['schema', { schema: {} }],
  ['maxValueBytes', { maxValueBytes: -1 }],
  ['negativeTtl', { negativeTtl: 0 }],
  ['errorTtl', { errorTtl: 'never' }],
  ['retryOn', { retryOn: true }],
  ['staleWhileRevalidate', { staleWhileRevalidate: -1 }],
  ['staleIfError', { staleIfError: NaN }],
  ['stampede', { stampede: 'lock' }],
  ['waitFor', { waitFor: 0 }],
  ['leaseTtl', { leaseTtl: 0 }],
  ['loadTimeout.hard', { loadTimeout: { hard: 0 } }],
  ['load', { load: () => 1 }],
  ['earlyRefresh', { earlyRefresh: true }],
  ['version', { version: id }],
]

const wrongLevels: readonly [option: string, levels: unknown][] = [
  ['levels', undefined],
  ['levels', 'product'],
  ['levels', []],
  ['levels', [levels[0]]],
  ['levels.1', [levels[0], 7]],
  ['levels.0.prefix', [{ id }, levels[1]]],
  ['levels.1.prefix', [levels[0], { ...levels[1], prefix: 'version-of' }]],
  ['levels.1.prefix', [levels[0], { ...levels[1], prefix: 'a:{a:b}' }]],
  ['levels.0.of', [{ ...levels[0], of: () => 7 }, levels[1]]],
  ['levels.1.of', [levels[0], { ...levels[1], of: undefined }]],
  ['levels.1.load', [levels[0], { ...levels[1], load: 7 }]],
  ['levels.2.id', [...levels, { ...levels[1], prefix: 'department', id: 'x' }]],
  ['levels', [...levels, levels[1]]],
]

describe('createHierarchical', () => {
  it.each(wrong)('refuses a wrong %s at once, naming it: %j', (option, change) => {
    const make = (): unknown => createHierarchical({ ...right, ...change } as typeof right)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it.each(wrongLevels)('refuses wrong levels at once, naming %s: %j', (option, wrongOnes) => {
    const make = (): unknown =>
      createHierarchical({ client, ttl: '1h', levels: wrongOnes as typeof levels })
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it('accepts prefixes that all have a hash tag', () => {
    expect(
      createHierarchical({
        ...right,
        item: { prefix: '{shop}:product', id },
        group: { prefix: '{shop}:category', id },
      }),
    ).toBeTypeOf('object')
  })

  it.each([[undefined], [null], [7]])('refuses %j in place of options', (options) => {
    expect(() => createHierarchical(options as unknown as typeof right)).toThrow(InvalidOptionError)
  })

  it.each([
    ['nothing', undefined],
    ['an object', {}],
    ['an empty id', ''],
    ['a control character', 'a\nb'],
    ['a lone surrogate', '\ud800'],
    ['NaN', NaN],
    ['more than 8 KiB', 'x'.repeat(9_000)],
  ])('an id that is %s is refused at the call, and nothing sent', async (_, bad) => {
    const products = createHierarchical(right)
    const wrongId = bad as number
    for (const call of [
      () => products.get(wrongId),
      () => products.getMany([1, wrongId]),
      () => products.peek(wrongId),
      () => products.invalidate([1, wrongId]),
      () => products.getGroup(wrongId),
      () => products.peekGroup(wrongId),
      () => products.invalidateGroup([1, wrongId]),
    ]) {
      await expect(call()).rejects.toThrow(InvalidKeyError)
    }
  })

  it('an unknown level is refused at the call', async () => {
    const products = createHierarchical({ client, ttl: '1h', levels })
    const getGroup = products.getGroup as (level: string, id: number) => Promise<unknown>
    await expect(getGroup('product', 7)).rejects.toThrow('"category"')
  })
})

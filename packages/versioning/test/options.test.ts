import { InvalidKeyError, InvalidOptionError, createCacheClient, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createVersioned, type VersionedOptions } from '../src/index.js'

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
const right: VersionedOptions<unknown, unknown> = {
  client: createCacheClient(driver),
  prefix: 'product',
  ttl: '1h',
  load: () => 1,
  groups: () => ['g'],
}

const wrong: readonly [option: string, value: unknown][] = [
  ['client', undefined],
  ['client', {}],
  ['prefix', undefined],
  ['prefix', ''],
  ['prefix', 'version-of'],
  ['ttl', 'never'],
  ['key', 'id'],
  ['load', undefined],
  ['load', 5],
  ['loadMany', []],
  ['concurrency', 0],
  ['groups', undefined],
  ['groups', ['category:7']],
  ['strategy', 'counter'],
  ['strategy', true],
  ['versionCache', 0],
  ['versionCache', '1 apple'],
  ['versionTtl', -1],
  ['versionTtl', 'long'],
  ['clockSkew', 0],
  ['clockSkew', NaN],
  ['intentTtl', 0],
  ['ttl', undefined],
  ['ttl', 0],
  ['jitter', 2],
  ['codec', 'json'],
  ['stampede', 'lock'],
]

describe('createVersioned', () => {
  it.each(wrong)('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const make = (): unknown =>
      createVersioned({ ...right, [option]: value } as VersionedOptions<unknown, unknown>)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it('refuses an option it does not know', () => {
    expect(() =>
      createVersioned({ ...right, group: () => [] } as VersionedOptions<unknown, unknown>),
    ).toThrow(InvalidOptionError)
  })

  it.each([
    ['a name that is none', [7]],
    ['an empty name', ['a', '']],
    ['no array', 'category:7'],
    ['null', null],
  ])('groups that answer with %s are refused at the call', async (_, answer) => {
    const cache = createVersioned({ ...right, groups: () => answer as string[] })
    for (const call of [
      () => cache.get(1),
      () => cache.getMany([1]),
      () => cache.peek(1),
      () => cache.set(1, 1),
      () => cache.invalidate(1),
    ])
      await expect(call()).rejects.toThrow(InvalidOptionError)
  })

  it.each([
    ['a control character', 'a\nb'],
    ['a lone surrogate', '\ud800'],
    ['more than 8 KiB', 'x'.repeat(9_000)],
  ])('a group name with %s is refused at the call', async (_, name) => {
    const cache = createVersioned({ ...right, groups: () => [name] })
    for (const call of [
      () => cache.get(1),
      () => cache.getMany([1]),
      () => cache.bump(name),
      () => cache.versions([name]),
    ])
      await expect(call()).rejects.toThrow(InvalidKeyError)
  })

  it.each([[7], [['a', 7]], [''], [null], [undefined]])('bump refuses %j', async (groups) => {
    await expect(createVersioned(right).bump(groups as string)).rejects.toThrow(InvalidOptionError)
  })

  it("refuses the ttl 'never' also of a call and of a value", async () => {
    const refused = '"ttl" must be a duration: entries of a bumped group'
    const set = createVersioned(right).set(1, 1, { ttl: 'never' as never })
    await expect(set).rejects.toThrow(refused)
    const byValue = createVersioned({ ...right, ttl: () => 'never' as never })
    await expect(byValue.set(1, 1)).rejects.toThrow(refused)
  })

  it('an error of "groups" rejects the call', async () => {
    const cache = createVersioned({
      ...right,
      groups: () => {
        throw new RangeError('no such category')
      },
    })
    await expect(cache.get(1)).rejects.toThrow(RangeError)
  })

  it("strategy 'key' refuses an id whose groups are not known without the value", async () => {
    await expect(
      createVersioned({ ...right, strategy: 'key', groups: () => undefined }).get(1),
    ).rejects.toThrow('"groups"')
  })

  it("mutate is refused with strategy 'key', where it can't keep its guarantee", async () => {
    await expect(
      createVersioned({ ...right, strategy: 'key' }).mutate(1, untouched),
    ).rejects.toThrow('"strategy"')
  })
})

import { describe, expect, it } from 'vitest'
import { Cached, Invalidates, Mutates, useCacheClient, WithLock } from '../src/decorators/index.js'

const bad = (value: unknown): never => value as never

describe('a wrong option is named where the decorator is used', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['no prefix', () => Cached(bad({ ttl: '1h' })), /"prefix" must be a non-empty string/],
    ['an empty prefix', () => Cached({ prefix: '', ttl: '1h' }), /"prefix"/],
    ['ttl', () => Cached({ prefix: 'p', ttl: bad('1 fortnight') }), /"ttl"/],
    ['a misspelt option', () => Cached(bad({ prefix: 'p', tll: '1h' })), /"tll" must be one of/],
    ['key', () => Cached({ prefix: 'p', key: bad('id') }), /"key" must be a function/],
    ['tags', () => Cached({ prefix: 'p', tags: bad('all') }), /"tags" must be an array/],
    ['an empty tag', () => Mutates({ tags: [''] }), /"tags" must be an array of non-empty strings/],
    ['client', () => Cached({ prefix: 'p', client: bad(1) }), /"client" must be a client made by/],
    ['no target', () => Mutates({}), /"prefix" must be passed, or else "tags"/],
    [
      'no prefix for a key',
      () => Invalidates({ tags: ['a'], key: () => 1 }),
      /together with "key"/,
    ],
    [
      'two ways to name entries',
      () => Mutates({ prefix: 'p', key: () => 1, keys: () => [1] }),
      /"keys" must be left out, because there is "key"/,
    ],
    ['intentTtl', () => Mutates({ prefix: 'p', intentTtl: bad('x') }), /"intentTtl"/],
    ['no name', () => WithLock(bad({})), /"name" must be a name, or a function/],
    ['a lock option', () => WithLock({ name: 'a', wait: bad('x') }), /"wait"/],
    ['a client', () => useCacheClient({}, bad({})), /"client" must be a client/],
  ])('%s', (_, use, message) => {
    expect(use).toThrow(message)
  })

  it('a property that is not a method', () => {
    expect(() => Cached({ prefix: 'p' })({}, 'name', { value: bad('chair') } as never)).toThrow(
      '@Cached is for methods, and "name" is none.',
    )
  })
})

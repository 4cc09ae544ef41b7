import { expect, it } from 'vitest'
import type { CacheClient } from '../src/index.js'
import { createKeys, type KeyPart } from '../src/client/keys.js'
import { rememberKeys } from '../src/reads/remember-keys.js'

const clientWith = (near: object | undefined): CacheClient =>
  ({ entries: { near } }) as unknown as CacheClient

it('keys of any number of ids are those that are made, with a near cache and without', () => {
  const makeKey = createKeys('shop', 'product')
  const ids: KeyPart[] = [42, '42', 42n, 0, -0, 'a:b', 'x'.repeat(1_000)]
  for (let i = 0; i < 12_000; i++) ids.push(`id:${i}`)
  for (const near of [undefined, {}]) {
    const keyOf = rememberKeys<KeyPart>(clientWith(near), makeKey)
    for (let round = 0; round < 2; round++)
      for (const id of ids) expect(keyOf(id)).toBe(makeKey(id))
  }
})

it('the key of a recent id is made once with a near cache, and each time without', () => {
  for (const [near, expected] of [
    [{}, 1_000],
    [undefined, 3_000],
  ] as const) {
    let made = 0
    const keyOf = rememberKeys<number>(clientWith(near), (id) => (made++, `k:${id}`))
    for (let round = 0; round < 3; round++) for (let id = 0; id < 1_000; id++) keyOf(id)
    expect(made).toBe(expected)
  }
})

it('keys are remembered again after the ids in use have changed', () => {
  let made = 0
  const keyOf = rememberKeys<string>(clientWith({}), (id) => (made++, `k:${id}`))
  for (let i = 0; i < 10_000; i++) keyOf(`old ${i}`)
  for (let round = 0; round < 200; round++) for (let i = 0; i < 1_000; i++) keyOf(`new ${i}`)
  expect(made).toBeLessThan(120_000)
})

it('an id without a valid key is refused each time', () => {
  const keyOf = rememberKeys<string>(clientWith({}), createKeys('shop', 'product'))
  for (let i = 0; i < 2; i++) expect(() => keyOf('')).toThrow('must not be empty')
})

it('the key of an array follows its parts', () => {
  const makeKey = createKeys('shop', 'product')
  const keyOf = rememberKeys<KeyPart[]>(clientWith({}), (parts) => makeKey(...parts))
  const id: KeyPart[] = ['de', 1]
  expect(keyOf(id)).toBe('shop:product:de:1')
  id[1] = 2
  expect(keyOf(id)).toBe('shop:product:de:2')
})

import { createCacheClient, encrypted, InvalidOptionError, json } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import type { KeyvStoreAdapter } from 'keyv'
import type { KeyvStorageAdapter } from 'keyv6'
import { describe, expect, it } from 'vitest'
import { createApolloCache } from '../src/apollo.js'
import { createKeyvStore, type KeyvStore } from '../src/index.js'
import { createUnstorageDriver } from '../src/unstorage.js'
import { versions } from './cases.js'

/** What Keyv 6 says that a store has, but does not use. */
type Emitter = Pick<KeyvStorageAdapter, Exclude<keyof KeyvStorageAdapter, keyof KeyvStore>> & {
  on: unknown
}

const client = createCacheClient(memoryDriver())

describe.each([
  ['createKeyvStore', createKeyvStore],
  ['createUnstorageDriver', createUnstorageDriver],
  ['createApolloCache', createApolloCache],
] as const)('%s', (owner, create) => {
  it.each([
    ['client', {}],
    ['prefix', ''],
    ['prefix', undefined],
    ['prefix', 'a\nb'],
    ['prefix', '{a'],
    ['ttl', 0],
    ['ttl', 'soon'],
    ['codec', {}],
    ['maxValueBytes', -1],
    ['onOutage', 'ignore'],
    ['namespace', 'users'],
  ])('refuses a wrong %s: %j', (option, value) => {
    const wrong = { client, prefix: 'p', [option]: value }
    expect(() => create(wrong)).toThrow(InvalidOptionError)
    expect(() => create(wrong)).toThrow(`"${option}"`)
  })

  it('refuses no options', () => {
    expect(() => create(undefined as never)).toThrow(owner)
  })
})

describe('the codec', () => {
  const key = Buffer.alloc(32, 7)

  it.each(versions)('encodes what Keyv $version stores', async ({ create }) => {
    const driver = memoryDriver()
    const codec = encrypted(json, { keys: { a: key } })
    const own = createCacheClient(driver, { defaults: { codec } })
    const keyv = create(own)
    await keyv.set('a', { secret: 'value' })
    expect(await keyv.get('a')).toEqual({ secret: 'value' })
    const stored = await own.send({ args: ['GET', 'keyv:a'], keys: ['keyv:a'] })
    expect(String(stored)).not.toContain('secret')
  })
})

it('fits the types of both versions of Keyv', () => {
  const store: KeyvStore = createKeyvStore({ client, prefix: 'typed' })
  // Keyv 5 says that setMany resolves to nothing, and returns what it resolves to.
  const five: Omit<KeyvStoreAdapter, 'setMany' | 'on'> = store
  const six: Omit<KeyvStorageAdapter, keyof Emitter> = store
  expect(five).toBe(six)
})

import { createCacheClient, UsageError } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { Keyv as Keyv5 } from 'keyv'
import { describe, expect, it } from 'vitest'
import { createKeyvStore } from '../src/index.js'
import { versions } from './cases.js'

describe('a store', () => {
  it('of several Keyvs 5 refuses keys instead of mixing their namespaces', async () => {
    const store = createKeyvStore({ client: createCacheClient(memoryDriver()), prefix: 'keyv' })
    const users = new Keyv5({ store, namespace: 'users', throwOnErrors: true })
    const orders = new Keyv5({ store, namespace: 'orders', throwOnErrors: true })
    const errors: unknown[] = []
    users.on('error', (error) => errors.push(error))
    await orders.set('1', 'order')
    for (const call of [
      () => users.set('1', 'user'),
      () => users.get('1'),
      () => users.getMany(['1']),
      () => users.delete('1'),
    ])
      await expect(call()).rejects.toThrow(UsageError)
    expect(errors).not.toEqual([])
    expect(await orders.get('1')).toBe('order')
  })

  it('of a Keyv 5 that does not prefix its keys refuses them', async () => {
    const store = createKeyvStore({ client: createCacheClient(memoryDriver()), prefix: 'keyv' })
    const keyv = new Keyv5({ store, namespace: 'users', useKeyPrefix: false, throwOnErrors: true })
    await expect(keyv.set('1', 1)).rejects.toThrow('useKeyPrefix')
    keyv.namespace = undefined
    expect(await keyv.set('1', 1)).toBe(true)
    expect(await keyv.get('1')).toBe(1)
  })

  it('has right keys, of which the iterator of Keyv 5 cuts off the first part', async () => {
    const keysOf = async (options: object): Promise<string[]> => {
      const store = createKeyvStore({ client: createCacheClient(memoryDriver()), prefix: 'keyv' })
      const keyv = new Keyv5({ store, ...options })
      await keyv.set('x:y', 1)
      expect(await keyv.get('x:y')).toBe(1)
      const keys: string[] = []
      for await (const [key] of keyv.iterator!(undefined)) keys.push(key as string)
      return keys
    }
    expect(await keysOf({ namespace: 'a' })).toEqual(['x:y'])
    expect(await keysOf({ namespace: '', useKeyPrefix: false })).toEqual(['x:y'])
    expect(await keysOf({ namespace: 'a:b' })).toEqual(['b:x:y'])
    expect(await keysOf({ namespace: '' })).toEqual(['y'])
  })

  it('has one key for those that Keyv 5 takes for the same', async () => {
    const store = createKeyvStore({ client: createCacheClient(memoryDriver()), prefix: 'keyv' })
    const keyv = new Keyv5({ store, namespace: 'users' })
    await keyv.set('users:1', 'one')
    expect(await keyv.get('1')).toBe('one')
    const six = versions[1]!.create(createCacheClient(memoryDriver()), { namespace: 'users' })
    await six.set('users:1', 'one')
    expect(await six.get('1')).toBeUndefined()
  })

  it.each(versions)('follows a Keyv $version that changes its namespace', async ({ create }) => {
    const keyv = create(createCacheClient(memoryDriver()), { namespace: 'a' })
    await keyv.set('1', 'in a')
    Object.assign(keyv, { namespace: 'b' })
    expect(await keyv.get('1')).toBeUndefined()
    await keyv.set('1', 'in b')
    await keyv.clear()
    Object.assign(keyv, { namespace: 'a' })
    expect(await keyv.get('1')).toBe('in a')
  })
})

import type { CacheClient } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createWriteThrough } from '../src/index.js'
import { cases, type User } from './cases.js'

describe.each(cases)('on $name', ({ start }) => {
  it('stats() counts reads, and writes once they are acknowledged', async () => {
    const stage = await start()
    const client: CacheClient = stage.driver()
    const row = (id: number): User => ({ id, name: `user ${id}`, age: 30, version: 1 })
    const users = createWriteThrough({
      client,
      prefix: 'user',
      ttl: '1h',
      load: async (id: number) => row(id),
      store: async (id: number, patch: Partial<User>): Promise<User> => {
        if (patch.name === '') throw new Error('a name is required')
        return { ...row(id), ...patch }
      },
      remove: async () => undefined,
    })
    await users.get(1)
    await users.update(2, { age: 31 })
    await users.getMany([1, 2])
    await users.put(3, row(3))
    await users.updateMany([
      [4, { age: 31 }],
      [5, { age: 31 }],
    ])
    await users.update(6, { name: '' }).catch(() => undefined)
    await users.delete(3)
    await users.invalidate([1, 2])
    expect(users.stats()).toMatchObject({
      hits: 2,
      misses: 1,
      loads: 1,
      writes: 5,
      invalidations: 2,
    })
    await client.close()
    await stage.stop()
  })
})

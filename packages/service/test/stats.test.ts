import { expect, it } from 'vitest'
import { onEach } from './cases.js'

onEach(({ newService }) => {
  it('stats() counts what the service itself reads and changes', async () => {
    const cache = await newService()
    await cache.get('profile', () => 'Alice')
    await cache.get('profile', () => 'Alice')
    await cache.get('profile') // Without a rebuild, it only looks.
    await cache.set('other', 1)
    await cache.increment('counter')
    await cache.invalidate('other')
    await cache.bulkInvalidate('prof*')
    expect(cache.stats()).toMatchObject({
      hits: 1,
      misses: 1,
      loads: 1,
      fills: 1,
      writes: 2,
      invalidations: 2,
    })
    const users = cache.remember({ prefix: 'user', load: async (id: number) => `user ${id}` })
    await users.get(1)
    expect(users.stats()).toMatchObject({ misses: 1 })
    expect(cache.stats()).toMatchObject({ misses: 1 })
  })
})

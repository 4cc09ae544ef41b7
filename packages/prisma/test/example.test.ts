import { startRedis } from '@cache/testkit'
import { expect, it, vi } from 'vitest'
import { startEmbedded } from './database.js'
import { createTables } from './tables.js'

it('the example of the README prints what it says', async () => {
  const [redis, database] = await Promise.all([startRedis(), startEmbedded()])
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.stubEnv('REDIS_URL', redis.url)
  vi.stubEnv('DATABASE_URL', database.url)
  try {
    await database.run(createTables)
    await import('./example.js')
    const before = { name: 'Ada', posts: [{ id: 1, title: 'engines', authorId: 1 }] }
    expect(log.mock.calls.map(([shown]) => shown as unknown)).toEqual([
      before,
      before,
      { name: 'Lovelace', posts: [{ id: 1, title: 'notes', authorId: 1 }] },
      1,
    ])
  } finally {
    vi.unstubAllEnvs()
    log.mockRestore()
    await Promise.all([redis.stop(), database.stop()])
  }
})

import type { CacheClient } from '@cache/core'
import { eventually, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Setup, clientKinds, connect, findKey } from './setup.js'

/**
 * A dead primary that comes back empty answers for a moment before Sentinel demotes it. Afterwards
 * the worker is connected to the right server again, where it still owns its partitions.
 */
describe.each(clientKinds)('a worker on %s that misses its ownership only once', (kind) => {
  let redis: RedisServer
  let client: CacheClient & AsyncDisposable
  beforeAll(async () => {
    redis = await startRedis()
    client = connect(kind, redis.url)
  })
  afterAll(async () => {
    await client[Symbol.asyncDispose]()
    await redis.stop()
  })
  beforeEach(() => redis.cli('FLUSHALL'))

  /** Waits for the owner, and hides it. */
  const hideOwner = async (): Promise<string> => {
    const owner = await eventually(() => findKey(redis, 'owner'))
    await redis.cli('RENAME', owner, 'hidden')
    return owner
  }
  const showOwner = (owner: string): Promise<string> => redis.cli('RENAME', 'hidden', owner)
  const ownershipTtl = '3s' // renewed each second, so that mostly nothing else misses the owner

  it('while it waits for writes: it goes on with the next ones', async () => {
    await using setup = new Setup(client)
    const rows = setup.rows()
    setup.startWorker({ ownershipTtl })
    const owner = await hideOwner()
    await new Promise((resolve) => setTimeout(resolve, 200)) // it looks every 50 ms
    await showOwner(owner)
    await rows.put('1', { name: 'later' })
    await eventually(() => setup.table.rows.has('1'), { within: 20_000 })
  })

  it.each(['accepts', 'refuses'] as const)(
    'while the database %s its writes: it flushes them again, and goes on',
    async (answer) => {
      await using setup = new Setup(client)
      const rows = setup.rows()
      let calls = 0
      setup.startWorker({
        ownershipTtl,
        async flush(writes) {
          if (++calls > 1) return setup.table.upsert(writes)
          const owner = await hideOwner()
          setTimeout(() => void showOwner(owner), 200)
          return answer === 'accepts'
            ? setup.table.upsert(writes)
            : writes.map(({ sequence }) => ({ sequence, error: new Error('refused') }))
        },
      })
      await rows.put('1', { name: 'first' })
      await eventually(async () => (await rows.pending()).writes === 0, { within: 20_000 })
      expect(setup.table.rows.get('1')?.value).toEqual({ name: 'first' })
      expect(calls).toBeGreaterThan(1)
      await rows.put('1', { name: 'second' })
      await eventually(async () => (await rows.pending()).writes === 0, { within: 20_000 })
      expect(setup.table.rows.get('1')?.value).toEqual({ name: 'second' })
    },
  )
})

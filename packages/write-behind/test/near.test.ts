import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import type { CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { DeadLetterError } from '../src/index.js'
import { cases } from './cases.js'
import { Setup } from './setup.js'

describe.each(cases)('near caches, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(() => stage.flush())

  const createNear = async () => {
    const client = stage.driver()
    const bus = createInvalidationBus({ client })
    await bus.ready()
    return {
      setup: new Setup(withNearCache(client, { bus, ttl: '1m' })),
      close: async () => {
        await bus.close()
        await client.close()
      },
    }
  }

  it.each([undefined, { replicas: 0 }])(
    'are informed of writes, deletions, dead letters and replays (durability: %j)',
    async (durability) => {
      const [one, two] = [await createNear(), await createNear()]
      // With too few replicas, the write rejects but is in Redis.
      const overrides = durability && { durability: { replicas: 1, timeout: 20 } }
      const [mine, theirs] = [one.setup.rows(overrides), two.setup.rows()]
      const ignoreDurability = (write: Promise<unknown>): Promise<unknown> =>
        write.catch((error: unknown) => {
          if (!durability) throw error
        })
      one.setup.table.rows.set('1', { value: { name: 'old' }, sequence: 0 })
      two.setup.table.rows.set('1', { value: { name: 'old' }, sequence: 0 })
      const bothRead = async (name: string | undefined): Promise<void> => {
        expect((await mine.get('1'))?.name).toBe(name)
        await vi.waitFor(async () => expect((await theirs.get('1'))?.name).toBe(name), {
          timeout: 5_000,
          interval: 10,
        })
      }
      for (let i = 0; i < 3; i++) await bothRead('old')
      await ignoreDurability(mine.put('1', { name: 'new' }))
      await bothRead('new')
      await ignoreDurability(mine.delete('1'))
      await bothRead(undefined)
      await ignoreDurability(mine.put('1', { name: 'bad' }))
      await bothRead('bad')
      let poison = true
      one.setup.startWorker({
        retry: { attempts: 1, backoff: 1 },
        flush: async (writes) =>
          poison ? writes.map(({ sequence }) => ({ sequence, error: new Error('no') })) : undefined,
      })
      await expect(mine.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
      await bothRead('old')
      poison = false
      for (const { letter, value } of await mine.deadLetters.list())
        await (value?.name === 'bad'
          ? mine.deadLetters.replay(letter)
          : mine.deadLetters.discard(letter))
      await bothRead('bad')
      await one.setup[Symbol.asyncDispose]()
      await Promise.all([mine.close(), theirs.close()])
      await Promise.all([one.close(), two.close()])
    },
  )
})

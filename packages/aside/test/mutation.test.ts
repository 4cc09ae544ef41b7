import { CacheError, CacheWriteError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { beginMutations, CacheUnavailableError, createAside } from '../src/index.js'
import { onEach } from './cases.js'

onEach((bench) => {
  describe('a change that outlives the call', () => {
    const world = () => {
      const [mine, other] = [bench.newClient(), bench.newClient()].map((client) =>
        createAside<number>({ client, prefix: 'p', ttl: '1h' }),
      )
      const world = {
        mine: mine!,
        other: other!,
        committed: 1,
        read: (who = other!) => who.getOrLoad(1, () => world.committed),
      }
      return world
    }

    it('is visible after its commit, although others read the old row before', async () => {
      const w = world()
      await w.read()
      await using change = await w.mine.beginMutation(1)
      expect([await w.read(), await w.read(w.mine)]).toEqual([1, 1])
      w.committed = 2 // the database commits
      await w.read()
      await change.commit()
      expect([await w.read(), await w.read(w.mine)]).toEqual([2, 2])
      expect(await w.other.peek(1)).toBe(2)
    })

    it('is aborted at the end of its block, unless it has committed', async () => {
      const w = world()
      const transaction = async (): Promise<void> => {
        await using change = await w.mine.beginMutation([1, 2])
        throw new Error(`rolled back, with ${typeof change.commit} uncalled`)
      }
      await expect(transaction()).rejects.toThrow('rolled back')
      await w.read()
      expect(await w.other.peek(1)).toBe(1) // It may be cached again.
    })

    it('ends once', async () => {
      const w = world()
      const change = await w.mine.beginMutation(1)
      await change.commit()
      await w.read()
      await Promise.all([change.commit(), change.abort(), change[Symbol.asyncDispose]()])
      expect(await w.other.peek(1)).toBe(1)
      const other = await w.mine.beginMutation(1)
      await other.abort()
      await expect(other.commit()).rejects.toBeInstanceOf(CacheError)
    })

    // It pauses servers.
    it.skipIf(bench.topology === 'memory')(
      'commits when you call commit again, if Redis did not answer the first time',
      async () => {
        const client = bench.newClient({ resilience: { readTimeout: '1s', writeTimeout: '1s' } })
        const [mine, other] = [client, bench.newClient()].map((one) =>
          createAside<number>({ client: one, prefix: 'p', ttl: '1h' }),
        )
        let row = 1
        const change = await mine!.beginMutation(1, { intentTtl: '1m' })
        for (const server of bench.servers) await server.pause()
        row = 2
        await expect(change.commit())
          .rejects.toBeInstanceOf(CacheWriteError)
          .finally(() => Promise.all(bench.servers.map((server) => server.resume())))
        await expect
          .poll(
            () =>
              change.commit().then(
                () => 'committed',
                () => 'rejected',
              ),
            { timeout: 10_000 },
          )
          .toBe('committed')
        expect(await other!.getOrLoad(1, () => row)).toBe(2)
        expect(await other!.peek(1)).toBe(2)
      },
    )

    it('leaves nothing beyond its intentTtl if its process dies', async () => {
      const w = world()
      await w.read()
      await w.mine.beginMutation(1, { intentTtl: 300 })
      w.committed = 2 // and nobody says so
      await expect.poll(() => w.read(), { timeout: 10_000 }).toBe(2)
    })

    it('does not begin if you pass a mutation instead of a function that begins it', async () => {
      const w = world()
      const change = w.mine.beginMutation(1)
      await expect(beginMutations(() => w.mine.beginMutation(2), change as never)).rejects.toThrow(
        '"begins"',
      )
      await (await change).abort()
    })

    it('begins in several caches with one handle, or in none', async () => {
      const client = bench.newClient()
      const [one, two] = ['one', 'two'].map((prefix) =>
        createAside<number>({ client, prefix, ttl: '1h' }),
      )
      let row = 1
      const read = async () => [
        await one!.getOrLoad(1, () => row),
        await two!.getOrLoad(2, () => row),
      ]
      await read()
      await using change = await beginMutations(
        () => one!.beginMutation(1),
        () => two!.beginMutation(2),
      )
      row = 2
      await change.commit()
      expect(await read()).toEqual([2, 2])
      await expect(
        beginMutations(
          () => one!.beginMutation(1),
          () => Promise.reject(new CacheUnavailableError(['k'], undefined)),
        ),
      ).rejects.toBeInstanceOf(CacheUnavailableError)
      await read()
      expect(await one!.peek(1)).toBe(2)
    })
  })
})

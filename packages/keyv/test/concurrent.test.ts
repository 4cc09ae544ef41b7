import { ConnectionError, type Command } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createKeyvStore } from '../src/index.js'
import { onEach, versions, valueKeys } from './cases.js'

onEach((bench) => {
  const { newClient, ask } = bench
  describe.each(versions)('Keyv $version', ({ create }) => {
    it('of concurrent sets in one process, the last one is stored', async () => {
      const keyv = create(newClient())
      const values = Array.from({ length: 50 }, (_, i) => i)
      const stored = await Promise.all(values.map((value) => keyv.set('a', value)))
      expect(new Set(stored)).toEqual(new Set([true]))
      expect(await keyv.get('a')).toBe(49)
    })

    it('of concurrent sets in several processes, one is stored', async () => {
      const processes = [1, 2, 3].map(() => create(newClient()))
      for (let round = 0; round < 20; round++) {
        const stored = await Promise.all(
          processes.map((keyv, i) => keyv.set('a', `${round} of ${i}`)),
        )
        expect(stored).toEqual([true, true, true])
        const values = await Promise.all(processes.map((keyv) => keyv.get('a')))
        expect(values[0]).toMatch(new RegExp(`^${round} of \\d$`))
        expect(new Set(values).size).toBe(1)
      }
    })

    it('a set says that nothing was stored while another program writes the key', async () => {
      const client = newClient()
      const keyv = create(client)
      await keyv.set('a', 'old')
      await client.entries.beginWrite(['shop:keyv:a'], 'another program', 60_000)
      expect(await keyv.set('a', 'new')).toBe(false)
      expect(await keyv.get('a')).toBeUndefined()
      await client.entries.commitWrite('shop:keyv:a', 'another program')
      expect(await keyv.set('a', 'new')).toBe(true)
      expect(await keyv.get('a')).toBe('new')
    })

    it('a set that reaches Redis late, after it has failed, stores nothing', async () => {
      let deliver!: () => unknown
      const isLate = ({ args }: Command): boolean => String(args).includes('late value')
      const stuck = create(
        newClient({
          wrap: (driver) => ({
            ...driver,
            send: (commands, options) => {
              if (!commands.some(isLate)) return driver.send(commands, options)
              deliver = () => Promise.all(driver.send(commands, options))
              return commands.map(() => Promise.resolve(new ConnectionError('lost')))
            },
          }),
        }),
      )
      const other = create(newClient())
      for (const change of ['set', 'delete', 'clear'] as const) {
        await other.set('a', 'old')
        expect(await stuck.set('a', 'late value')).toBe(false)
        if (change === 'set') await other.set('a', 'new')
        else if (change === 'delete') await other.delete('a')
        else await other.clear()
        await deliver()
        expect(await other.get('a')).toBe(change === 'set' ? 'new' : undefined)
      }
    })

    it('leaves nothing behind', async () => {
      const keyv = create(newClient())
      await Promise.all(Array.from({ length: 50 }, (_, i) => keyv.set('a', i)))
      await keyv.delete('a')
      expect(await valueKeys(bench)).toEqual([])
    })

    it('replaces a value of another type', async () => {
      const keyv = create(newClient())
      await ask('LPUSH', 'shop:keyv:a', '1')
      expect(await keyv.get('a')).toBeUndefined()
      expect(await keyv.set('a', 1)).toBe(true)
      expect(await keyv.get('a')).toBe(1)
    })
  })

  // Keyv itself does not keep the order of calls that are not awaited, so these test the store.
  describe('calls of one store', () => {
    it('a set that is followed by a delete stays deleted', async () => {
      const store = createKeyvStore({ client: newClient(), prefix: 'keyv' })
      for (let round = 0; round < 50; round++) {
        const setting = [store.set('a', '1'), store.set('a', '2')]
        if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
        await store.delete('a')
        expect(await Promise.all(setting)).toEqual([true, true])
        expect(await store.get('a')).toBeUndefined()
      }
    })

    it('a set that is followed by a clear stays cleared', async () => {
      const store = createKeyvStore({ client: newClient(), prefix: 'keyv' })
      for (let round = 0; round < 20; round++) {
        const setting = [store.set('a', '1'), store.set('a', '2'), store.set('b', '1')]
        await store.clear()
        expect(await Promise.all(setting)).toEqual([true, true, true])
        expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined])
      }
    })

    it('a set that follows a delete is stored', async () => {
      const store = createKeyvStore({ client: newClient(), prefix: 'keyv' })
      for (let round = 0; round < 50; round++) {
        const results = [store.set('a', '1'), store.delete('a'), store.set('a', `round ${round}`)]
        expect((await Promise.all(results))[2]).toBe(true)
        expect(await store.get('a')).toBe(`round ${round}`)
      }
    })

    it('disconnect waits for writes, and leaves the client open', async () => {
      const client = newClient()
      const store = createKeyvStore({ client, prefix: 'keyv' })
      let isStored = false
      void store.set('a', '1').then(() => (isStored = true))
      await store.disconnect()
      expect(isStored).toBe(true)
      expect(await client.send({ args: ['GET', 'shop:keyv:a'], keys: ['shop:keyv:a'] })).toBe('1')
    })
  })
})

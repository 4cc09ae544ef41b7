import { describe, expect, it } from 'vitest'
import { onEach, versions } from './cases.js'

onEach(({ newClient, ask, keys }) => {
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

    it('a set that is followed by a delete in the same process stays deleted', async () => {
      const keyv = create(newClient())
      for (let round = 0; round < 50; round++) {
        const setting = [keyv.set('a', 1), keyv.set('a', 2)]
        if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
        await keyv.delete('a')
        expect(await Promise.all(setting)).toEqual([true, true])
        expect(await keyv.get('a')).toBeUndefined()
      }
    })

    it('a set that follows a delete in the same process is stored', async () => {
      const keyv = create(newClient())
      for (let round = 0; round < 50; round++) {
        const [, , stored] = await Promise.all([
          keyv.set('a', 1),
          keyv.delete('a'),
          keyv.set('a', `round ${round}`),
        ])
        expect(stored).toBe(true)
        expect(await keyv.get('a')).toBe(`round ${round}`)
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

    it('leaves nothing behind', async () => {
      const keyv = create(newClient())
      await Promise.all(Array.from({ length: 50 }, (_, i) => keyv.set('a', i)))
      await keyv.delete('a')
      expect(await keys()).toEqual([])
    })

    it('replaces a value of another type', async () => {
      const keyv = create(newClient())
      await ask('LPUSH', 'shop:keyv:a', '1')
      expect(await keyv.get('a')).toBeUndefined()
      expect(await keyv.set('a', 1)).toBe(true)
      expect(await keyv.get('a')).toBe(1)
    })
  })
})

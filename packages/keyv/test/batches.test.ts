import type { Command } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { onEach, versions } from './cases.js'

onEach(({ newClient, topology }) => {
  describe.each(versions)('Keyv $version', ({ create }) => {
    // Several servers get a command each; on a Cluster, the driver combines them.
    it.skipIf(topology !== 'standalone' && topology !== 'memory')(
      'sends the calls of one tick together',
      async () => {
        const sent: Command[] = []
        const keyv = create(newClient({ sent }))
        const names = Array.from({ length: 200 }, (_, i) => `k${i}`)
        await Promise.all(names.map((name) => keyv.set(name, name)))
        // A set takes two steps. Keyv 5 needs some more turns of the event loop.
        expect(sent.length).toBeLessThanOrEqual(20)
        sent.length = 0
        expect(await Promise.all(names.map((name) => keyv.get(name)))).toEqual(names)
        expect(sent.length).toBe(1)
        sent.length = 0
        expect(await keyv.getMany(names)).toEqual(names)
        expect(sent.length).toBe(1)
      },
    )

    it('reads no more values than it iterates over, but for one batch', async () => {
      const sent: Command[] = []
      const keyv = create(newClient({ sent }))
      await keyv.setMany(Array.from({ length: 2_000 }, (_, i) => ({ key: `k${i}`, value: i })))
      sent.length = 0
      let seen = 0
      for await (const entry of keyv.entries()) {
        expect(entry).toHaveLength(2)
        if (++seen === 150) break
      }
      const read = sent
        .filter(({ args }) => String(args[0]) !== 'SCAN')
        .reduce((sum, { keys }) => sum + keys.length, 0)
      expect(read).toBeGreaterThanOrEqual(150)
      expect(read).toBeLessThanOrEqual(200)
      expect(sent.filter(({ args }) => String(args[0]) === 'SCAN').length).toBeLessThan(3)
    })

    it('iterates over all entries, each once', async () => {
      const keyv = create(newClient())
      await keyv.setMany(Array.from({ length: 2_000 }, (_, i) => ({ key: `k${i}`, value: i })))
      const seen = new Map<string, unknown>()
      for await (const [key, value] of keyv.entries()) {
        expect(seen.has(key)).toBe(false)
        seen.set(key, value)
      }
      expect(seen.size).toBe(2_000)
      expect(seen.get('k1999')).toBe(1999)
    })
  })
})

import type { Command } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { entriesOf, onEach, versions, valueKeys } from './cases.js'

const namesOf = (sent: readonly Command[]): Set<string> =>
  new Set(sent.map(({ args }) => String(args[0]).toUpperCase()))

onEach((bench) => {
  const { newClient, ask } = bench
  describe.each(versions)('Keyv $version', ({ create }) => {
    it('clears only its own keys', async () => {
      const keyv = create(newClient(), { namespace: 'users' })
      const others = [
        'other',
        'shop:other',
        'shop:keyv2:users:a',
        'shop:keyv:user:a',
        'keyv:users:a',
      ]
      for (const key of others) await ask('SET', key, '1')
      await ask('LPUSH', 'shop:keyv:users:list', '1')
      await keyv.set('a', 1)
      await keyv.clear()
      expect(await keyv.get('a')).toBeUndefined()
      expect(await valueKeys(bench)).toEqual([...others, 'shop:keyv:users:list'].sort())
    })

    it('without a namespace, clears all namespaces of its prefix', async () => {
      const keyv = create(newClient())
      const named = create(newClient(), { namespace: 'users' })
      await keyv.set('a', 1)
      await named.set('a', 1)
      await keyv.clear()
      expect(await valueKeys(bench)).toEqual([])
    })

    it('takes glob characters of a namespace and a prefix literally', async () => {
      const keyv = create(newClient(), { namespace: 'a*[b]?', prefix: 'p?[x]*' })
      const other = create(newClient(), { namespace: 'axb', prefix: 'pax' })
      await keyv.set('a', 1)
      await other.set('a', 2)
      expect(await entriesOf(keyv)).toEqual([['a', 1]])
      await keyv.clear()
      expect(await other.get('a')).toBe(2)
      expect(await valueKeys(bench)).toHaveLength(1)
    })

    it('scans and deletes in batches, without FLUSH and KEYS', async () => {
      const sent: Command[] = []
      const keyv = create(newClient({ sent }))
      await keyv.setMany(Array.from({ length: 3_000 }, (_, i) => ({ key: `k${i}`, value: i })))
      sent.length = 0
      await keyv.clear()
      expect(await valueKeys(bench)).toEqual([])
      const names = namesOf(sent)
      for (const name of ['FLUSHDB', 'FLUSHALL', 'KEYS']) expect(names).not.toContain(name)
      expect(names).toContain('SCAN')
      // A script deletes at most 256 entries, each with its lease and its intents.
      const most = Math.max(...sent.map((command) => command.keys.length))
      expect(most).toBeGreaterThan(1)
      expect(most).toBeLessThanOrEqual(3 * 256)
    })

    it('no value that was stored before comes back, in any process', async () => {
      const [here, there] = [create(newClient()), create(newClient())]
      for (let round = 0; round < 20; round++) {
        const stored = Array.from({ length: 20 }, (_, i) => here.set(`k${i}`, round))
        await Promise.all([stored[0], there.clear()])
        await Promise.all(stored)
        await there.clear()
        expect(await here.getMany(['k0', 'k1', 'k19'])).toEqual([undefined, undefined, undefined])
      }
      expect(await valueKeys(bench)).toEqual([])
    })
  })
})

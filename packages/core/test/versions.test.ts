import { describe, expect, it } from 'vitest'
import { createFormat, createToken } from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<number>()
const LONG = 600_000

onEach((bench) => {
  describe('an entry with a version', () => {
    it('is replaced by a newer version, but not by an older one', async () => {
      const { entries } = bench().newClient()
      const put = (version: number) =>
        entries.put('k', format, version, { ttl: LONG, meta: { version } })
      expect([await put(120), await put(119), await put(118)]).toEqual([true, false, false])
      expect(await entries.read('k', format)).toMatchObject({ value: 120 })
      expect(await put(121)).toBe(true)
      expect(await Promise.all([put(125), put(124), put(126), put(123)])).toContain(true)
      expect([126, undefined]).toContain((await entries.read('k', format))?.value)
    })

    it('is not deleted by an older version during a write', async () => {
      const { entries } = bench().newClient()
      await entries.put('k', format, 120, { ttl: LONG, meta: { version: 120 } })
      await entries.beginWrite(['k'], 'writer', LONG)
      expect(await entries.put('k', format, 119, { ttl: LONG, meta: { version: 119 } })).toBe(false)
      expect(await entries.read('k', format)).toMatchObject({ value: 120 })
      expect(await entries.put('k', format, 121, { ttl: LONG, meta: { version: 121 } })).toBe(false)
      expect(await entries.read('k', format)).toBeUndefined()
    })

    it('is replaced if its version can’t be read', async () => {
      const client = bench().newClient()
      for (const version of [Infinity, NaN, -1, 2 ** 60]) {
        const frame = Buffer.alloc(11, '7')
        frame[0] = frame[1] = 1
        frame.writeDoubleBE(version, 2)
        await client.send({ args: ['SET', 'k', frame], keys: ['k'] })
        expect(await client.entries.read('k', format)).toBeUndefined()
        expect(await client.entries.put('k', format, 3, { ttl: LONG, meta: { version: 3 } })).toBe(
          true,
        )
        expect(await client.entries.read('k', format)).toMatchObject({ value: 3 })
      }
    })

    it('stays if a load returns an older version', async () => {
      const { entries } = bench().newClient()
      const token = createToken()
      await entries.put('k', format, 120, { ttl: LONG, meta: { version: 120 } })
      await entries.lease('k', format, { token, ttl: LONG, staleBelow: 'all' })
      expect(
        await entries.fill('k', format, token, 119, { ttl: LONG, meta: { version: 119 } }),
      ).toBe(false)
      expect(await entries.read('k', format)).toMatchObject({ value: 120 })
    })
  })
})

import type { Command } from '@cache/core'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { afterEach, describe, expect, it } from 'vitest'
import { onEach, versions, type AnyKeyv } from './cases.js'

onEach(({ newClient }) => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  describe.each(versions)('Keyv $version with a near cache', ({ create }) => {
    async function process(): Promise<{ keyv: AnyKeyv; sent: Command[] }> {
      const sent: Command[] = []
      const client = newClient({ sent })
      const bus = createInvalidationBus({ client })
      await bus.ready()
      const near = withNearCache(client, { bus })
      closing.push(
        () => bus.close(),
        () => near.close(),
      )
      return { keyv: create(near), sent }
    }

    it('answers reads without Redis', async () => {
      const { keyv, sent } = await process()
      await keyv.set('a', 1)
      expect(await keyv.get('a')).toBe(1)
      sent.length = 0
      for (let i = 0; i < 10; i++) expect(await keyv.get('a')).toBe(1)
      expect(await keyv.has('a')).toBe(true)
      expect(sent).toEqual([])
    })

    it('a process sees its own changes at once, and others see them soon', async () => {
      const [here, there] = [(await process()).keyv, (await process()).keyv]
      for (let value = 0; value < 10; value++) {
        await here.set('a', value)
        expect(await here.get('a')).toBe(value)
        await expect.poll(() => there.get('a'), { interval: 2 }).toBe(value)
      }
      await here.delete('a')
      expect(await here.get('a')).toBeUndefined()
      await expect.poll(() => there.get('a'), { interval: 2 }).toBeUndefined()
      await here.set('b', 1)
      expect(await there.get('b')).toBe(1)
      await here.clear()
      expect(await here.get('b')).toBeUndefined()
      await expect.poll(() => there.get('b'), { interval: 2 }).toBeUndefined()
    })
  })
})

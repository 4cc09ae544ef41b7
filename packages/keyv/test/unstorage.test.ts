import { createStorage, prefixStorage, type Storage } from 'unstorage'
import { beforeEach, describe, expect, it } from 'vitest'
import { createUnstorageDriver } from '../src/unstorage.js'
import { onEach, valueKeys } from './cases.js'

// unstorage does not publish the tests of its drivers. These check the same behaviour.
onEach((bench) => {
  const { newClient, ask } = bench
  describe('unstorage', () => {
    let storage: Storage
    const create = (): Storage =>
      createStorage({ driver: createUnstorageDriver({ client: newClient(), prefix: 'storage' }) })
    beforeEach(() => {
      storage = create()
    })

    it('stores, reads and removes items', async () => {
      expect(await storage.hasItem('s1:a')).toBe(false)
      expect(await storage.getItem('s1:a')).toBeNull()
      await storage.setItem('s1:a', 'test_data')
      expect(await storage.hasItem('s1:a')).toBe(true)
      expect(await storage.getItem('s1:a')).toBe('test_data')
      expect(await ask('GET', 'shop:storage:s1:a')).toBe('test_data')
      await storage.removeItem('s1:a')
      expect(await storage.hasItem('s1:a')).toBe(false)
      expect(await valueKeys(bench)).toEqual([])
    })

    it('another process reads the items', async () => {
      await storage.setItem('a', { json: 'works', date: null })
      expect(await create().getItem('a')).toEqual({ json: 'works', date: null })
    })

    it('keeps falsy values', async () => {
      const values = { zero: 0, no: false, empty: '', text: '0' }
      for (const [key, value] of Object.entries(values)) await storage.setItem(key, value)
      expect(await storage.getItem('zero')).toBe(0)
      expect(await storage.getItem('no')).toBe(false)
      expect(await storage.getItem('empty')).toBe('')
      expect(await storage.hasItem('empty')).toBe(true)
    })

    it('lists keys, below a base and on mounts', async () => {
      for (const key of ['s1:a', 's2:a', 's3:a', 's1:b:c', 's10:a']) await storage.setItem(key, '1')
      expect((await storage.getKeys()).sort()).toEqual(['s10:a', 's1:a', 's1:b:c', 's2:a', 's3:a'])
      expect((await storage.getKeys('s1')).sort()).toEqual(['s1:a', 's1:b:c'])
      expect(await prefixStorage(storage, 's1:b').getKeys()).toEqual(['c'])
      storage.mount('mounted', createUnstorageDriver({ client: newClient(), prefix: 'mounted' }))
      await storage.setItem('mounted:x', '1')
      expect(await storage.getKeys('mounted')).toEqual(['mounted:x'])
      expect(await ask('GET', 'shop:mounted:x')).toBe('1')
    })

    it('clears what is below a base, and nothing else', async () => {
      await ask('SET', 'shop:other', '1')
      for (const key of ['s1:a', 's1:b:c', 's10:a', 's2:a']) await storage.setItem(key, '1')
      // A storage passes the base of a mount only.
      await createUnstorageDriver({ client: newClient(), prefix: 'storage' }).clear!('s1:', {})
      expect((await storage.getKeys()).sort()).toEqual(['s10:a', 's2:a'])
      await storage.clear()
      expect(await valueKeys(bench)).toEqual(['shop:other'])
    })

    it('reads and stores many', async () => {
      await storage.setItems<any>([
        { key: 'a', value: '1' },
        { key: 'b', value: { two: 2 }, options: { ttl: 60 } },
      ])
      expect(await storage.getItems(['a', 'b', 'c'])).toEqual([
        { key: 'a', value: 1 },
        { key: 'b', value: { two: 2 } },
        { key: 'c', value: null },
      ])
      expect(Number(await ask('PTTL', 'shop:storage:b'))).toBeGreaterThan(0)
      expect(await ask('PTTL', 'shop:storage:a')).toBe(-1)
    })

    it('takes a ttl in seconds', async () => {
      await storage.setItem('a', '1', { ttl: 60 })
      const ttl = Number(await ask('PTTL', 'shop:storage:a'))
      expect(ttl).toBeGreaterThan(1_000)
      expect(ttl).toBeLessThanOrEqual(60_000)
      await storage.setItem('a', '1')
      expect(await ask('PTTL', 'shop:storage:a')).toBe(-1)
    })

    it('a ttl of 0 is none, and a negative one stores nothing', async () => {
      await storage.setItem('a', '1', { ttl: 0 })
      expect(await ask('PTTL', 'shop:storage:a')).toBe(-1)
      await storage.setItem('a', '2', { ttl: -1 })
      expect(await storage.getItem('a')).toBeNull()
    })

    it('keeps the metadata that unstorage stores beside an item', async () => {
      await storage.setItem('a:b', '1')
      await storage.setMeta('a:b', { etag: 'x' })
      expect(await create().getMeta('a:b')).toMatchObject({ etag: 'x' })
      expect(await storage.getKeys('a')).toEqual(['a:b'])
      await storage.removeItem('a:b', { removeMeta: true })
      expect(await valueKeys(bench)).toEqual([])
    })

    it('tells watchers of the changes of this storage', async () => {
      const events: unknown[] = []
      await storage.watch((event, key) => events.push([event, key]))
      await storage.setItem('a', '1')
      await create().setItem('b', '1')
      await storage.removeItem('a')
      expect(events).toEqual([
        ['update', 'a'],
        ['remove', 'a'],
      ])
    })

    it('stores bytes', async () => {
      const bytes = new Uint8Array([1, 2, 3, 0, 255])
      await storage.setItemRaw('raw', bytes)
      const read = await create().getItemRaw<Buffer>('raw')
      expect(Buffer.from(bytes).equals(read!)).toBe(true)
      await storage.setItemRaw('text', 'plain')
      expect(await storage.getItemRaw('text')).toBe('plain')
      expect(await storage.getItemRaw('none')).toBeNull()
    })

    it('says so if an item was not stored', async () => {
      const client = newClient()
      storage = createStorage({ driver: createUnstorageDriver({ client, prefix: 'storage' }) })
      await client.entries.beginWrite(['shop:storage:a'], 'another program', 60_000)
      await expect(storage.setItem('a', '1')).rejects.toMatchObject({ code: 'CONFLICT' })
    })

    it('disposes without closing the client', async () => {
      const client = newClient()
      storage = createStorage({ driver: createUnstorageDriver({ client, prefix: 'storage' }) })
      await storage.setItem('a', 'x')
      await storage.dispose()
      expect(await client.send({ args: ['GET', 'shop:storage:a'], keys: ['shop:storage:a'] })).toBe(
        'x',
      )
    })
  })
})

import fc from 'fast-check'
import { deflateSync, inflateSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { entriesOf, onEach, versions, type AnyKeyv, valueKeys } from './cases.js'

const RUNS = process.env.CHAOS ? 200 : 50

const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.constantFrom(
    'a:b',
    'a::b',
    ':',
    '%',
    '%3A',
    '{tag}',
    '}{',
    '*',
    'a*[b]?\\',
    ' ',
    '数据',
    '🍏',
  ),
)
const key = text.filter((each) => each !== '' && !/[\p{Cc}\p{Surrogate}]/u.test(each))

onEach((bench) => {
  const { newClient, ask } = bench
  describe.each(versions)('Keyv $version', ({ create }) => {
    let keyv: AnyKeyv
    beforeEach(() => {
      keyv = create(newClient(), { namespace: 'users' })
    })

    it('stores, reads and deletes values', async () => {
      expect(await keyv.set('ada', { born: 1815 })).toBe(true)
      expect(await keyv.get('ada')).toEqual({ born: 1815 })
      expect(await keyv.has('ada')).toBe(true)
      expect(await keyv.delete('ada')).toBe(true)
      expect(await keyv.delete('ada')).toBe(false)
      expect(await keyv.get('ada')).toBeUndefined()
      expect(await keyv.has('ada')).toBe(false)
    })

    it('reads, stores and deletes many', async () => {
      const entries = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: i }))
      expect(await keyv.setMany(entries)).toEqual(entries.map(() => true))
      const names = entries.map((entry) => entry.key)
      expect(await keyv.getMany([...names, 'none'])).toEqual([...names.keys(), undefined])
      expect(await keyv.hasMany(['k0', 'none', 'k299'])).toEqual([true, false, true])
      expect([await keyv.deleteMany(['k0', 'k1'])].flat().every(Boolean)).toBe(true)
      expect([await keyv.deleteMany(['k2', 'k1'])].flat().every(Boolean)).toBe(false)
      expect(await keyv.getMany(['k0', 'k1', 'k2', 'k3'])).toEqual([
        undefined,
        undefined,
        undefined,
        3,
      ])
    })

    it('another process reads the values', async () => {
      await keyv.set('ada', 1)
      expect(await create(newClient(), { namespace: 'users' }).get('ada')).toBe(1)
    })

    it('gives a value the ttl of its call, in milliseconds', async () => {
      await keyv.set('short', 1, 60_000)
      await keyv.set('fraction', 1, 59_999.5)
      await keyv.set('for ever', 1)
      await keyv.set('infinite', 1, Infinity)
      await keyv.setMany([{ key: 'many', value: 1, ttl: 60_000 }])
      for (const name of ['short', 'fraction', 'many']) {
        const ttl = Number(await ask('PTTL', `shop:keyv:users:${name}`))
        expect(ttl).toBeGreaterThan(0)
        expect(ttl).toBeLessThanOrEqual(60_000)
      }
      for (const name of ['for ever', 'infinite'])
        expect(await ask('PTTL', `shop:keyv:users:${name}`)).toBe(-1)
      await keyv.set('short', 1)
      expect(await ask('PTTL', 'shop:keyv:users:short')).toBe(-1)
    })

    it('values end with their ttl', async () => {
      await keyv.set('short', 1, 50)
      await expect.poll(() => keyv.has('short')).toBe(false)
      expect(await valueKeys(bench)).toEqual([])
    })

    it('gives a value without a ttl that of the store', async () => {
      const limited = create(newClient(), { ttl: '1h', prefix: 'limited' })
      await limited.set('a', 1)
      expect(await ask('PTTL', 'shop:limited:a')).toBeGreaterThan(0)
      const defaults = create(newClient({ defaults: { ttl: '1h' } }), { prefix: 'defaults' })
      await defaults.set('a', 1)
      expect(await ask('PTTL', 'shop:defaults:a')).toBeGreaterThan(0)
    })

    it('keeps the namespaces of several Keyvs apart', async () => {
      const other = create(newClient(), { namespace: 'orders' })
      await keyv.set('1', 'user')
      await other.set('1', 'order')
      expect([await keyv.get('1'), await other.get('1')]).toEqual(['user', 'order'])
      expect(await entriesOf(other)).toEqual([['1', 'order']])
      await other.clear()
      expect([await keyv.get('1'), await other.get('1')]).toEqual(['user', undefined])
    })

    it('a namespace is not the beginning of another', async () => {
      const longer = create(newClient(), { namespace: 'users2' })
      await longer.set('1', 1)
      await keyv.clear()
      expect(await longer.get('1')).toBe(1)
      expect(await entriesOf(keyv)).toEqual([])
    })

    it('keeps keys of any characters apart, and iterates over them', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 20 }), async (names) => {
          await keyv.clear()
          await Promise.all(names.map((name) => keyv.set(name, `value of ${name}`)))
          expect(await keyv.getMany(names)).toEqual(names.map((name) => `value of ${name}`))
          const found = await entriesOf(keyv)
          expect(found.map(([name]) => name).sort()).toEqual([...names].sort())
          for (const [name, value] of found) expect(value).toBe(`value of ${name}`)
        }),
        { numRuns: RUNS },
      )
    })

    it.each(['', 'a\nb', 'a\u0000', '\ud800', 'x'.repeat(9_000)])(
      'refuses the key %j, and stores nothing',
      async (name) => {
        if (name !== '') expect(await keyv.set(name, 1)).toBe(false)
        expect(await keyv.get(name)).toBeUndefined()
        expect(await valueKeys(bench)).toEqual([])
        if (name !== '') expect(keyv.errors).toHaveLength(2)
      },
    )

    it('stores strings of any characters', async () => {
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
          await keyv.set('a', value)
          expect(await keyv.get('a')).toBe(value)
        }),
        { numRuns: RUNS },
      )
    })

    it('stores Buffers, also inside of objects', async () => {
      const value = { bytes: Buffer.from([0, 1, 2, 3, 255]) }
      await keyv.set('a', value)
      expect(await keyv.get('a')).toEqual(value)
      await keyv.set('b', value.bytes)
      expect(await keyv.get('b')).toEqual(value.bytes)
    })

    it('stores what Keyv makes of a value as it is', async () => {
      await keyv.set('a', 'äöü "quoted"')
      expect(JSON.parse(String(await ask('GET', 'shop:keyv:users:a')))).toMatchObject({
        value: expect.stringContaining('äöü "quoted"') as string,
      })
    })

    it('stores what Keyv compresses', async () => {
      const compression = {
        compress: async (value: string) => deflateSync(value).toString('base64'),
        decompress: async (value: string) => inflateSync(Buffer.from(value, 'base64')).toString(),
      }
      Object.assign(keyv, { compression })
      const value = 'x'.repeat(10_000)
      await keyv.set('a', value)
      expect(await keyv.get('a')).toBe(value)
      expect(String(await ask('GET', 'shop:keyv:users:a')).length).toBeLessThan(1_000)
    })

    it('stores values that Keyv does not make strings of', async () => {
      for (const name of ['serialize', 'deserialize', 'serialization'])
        Object.assign(keyv, { [name]: undefined })
      const value = { date: new Date(0), set: new Set([1n]), bytes: Buffer.from('bytes') }
      await keyv.set('a', value, 60_000)
      expect(await keyv.get('a')).toEqual(value)
      expect(await keyv.getMany(['a', 'b'])).toEqual([value, undefined])
    })

    it('stores and deletes the others of many if one of them fails', async () => {
      const small = create(newClient(), { namespace: 'users', maxValueBytes: '1kb' })
      const entries = Array.from({ length: 600 }, (_, i) => ({ key: `k${i}`, value: 'small' }))
      entries.splice(1, 0, { key: 'large', value: 'x'.repeat(2_000) })
      expect(await small.setMany(entries)).toEqual(entries.map((each) => each.key !== 'large'))
      expect(small.errors).toHaveLength(1)
      const names = entries.map((each) => each.key)
      expect(await small.hasMany(names)).toEqual(names.map((name) => name !== 'large'))

      const existed = await small.deleteMany(['k0', 'a\nb', ...names.slice(2)])
      expect([existed].flat()).toContain(false)
      expect(small.errors).toHaveLength(2)
      expect(await valueKeys(bench)).toEqual([])
    })

    it('reads the others of many if no value can have one of the keys', async () => {
      await keyv.set('a', 1)
      expect(await keyv.getMany(['a\nb', 'a', 'none'])).toEqual([undefined, 1, undefined])
      expect(await keyv.hasMany(['a', 'a\nb'])).toEqual([true, false])
      expect(await keyv.has('a\nb')).toBe(false)
      expect(keyv.errors).toHaveLength(3)
    })

    it('without a namespace, does not iterate over the values of other namespaces', async () => {
      const alone = create(newClient())
      await keyv.set('1', 'of users')
      await alone.set('users:1', 'of none')
      await ask('SET', 'shop:keyv:', 'of another program')
      expect(await alone.get('users:1')).toBe('of none')
      expect(await entriesOf(alone)).toEqual([['users:1', 'of none']])
      expect(await entriesOf(keyv)).toEqual([['1', 'of users']])
    })

    it('reports a value that is too large, and stores nothing', async () => {
      const small = create(newClient(), { maxValueBytes: '1kb' })
      expect(await small.set('a', 'x'.repeat(2_000))).toBe(false)
      expect(small.errors).toHaveLength(1)
      expect(small.errors[0]).toMatchObject({ code: 'VALUE_TOO_LARGE' })
      expect(await valueKeys(bench)).toEqual([])
    })
  })

  it('Keyv 5 and Keyv 6 read the values of each other', async () => {
    const [five, six] = versions.map(({ create }) => create(newClient(), { namespace: 'users' }))
    await five!.set('a:b', 'text', 60_000)
    expect(await six!.get('a:b')).toBe('text')
    await six!.set('a:b', 'other', 60_000)
    expect(await five!.get('a:b')).toBe('other')
    expect(await entriesOf(five!)).toEqual(await entriesOf(six!))
  })
})

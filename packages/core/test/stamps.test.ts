import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidKeyError, defineScript } from '../src/index.js'
import {
  createFormat,
  createToken,
  defineChange,
  defineLease,
  stampLua,
  type NearEntries,
} from '../src/internal.js'
import { frame } from '../src/entries/frame.js'
import { onEach } from './cases.js'

const format = createFormat<string>()
const STAMP = Buffer.from('the stamp \x00\x01')
const TTL = 60_000
const unlessStamp = defineLease({
  name: 'lease unless stamp',
  functions: stampLua,
  currentValue: `
    local value = redis.call('GET', KEYS[1])
    return value and stamp(value) ~= ARGV[5] and value`,
})
const preferOther = defineLease({
  name: 'lease prefer other',
  currentValue: `
    local other = redis.call('HGET', KEYS[4], ARGV[5])
    if other == 'fail' then error({err = 'OTHER has failed'}) end
    if other then return other, tonumber(ARGV[6]) end
    return redis.call('GET', KEYS[1])`,
  types: ['hash'],
})

onEach((bench) => {
  describe('a stamp', () => {
    it('is returned with its entry by every kind of read', async () => {
      const { entries } = bench().newClient()
      await entries.put('{s}a', format, 'x', {
        ttl: TTL,
        meta: { stamp: STAMP, version: 7, computeTime: 3 },
      })
      expect((await entries.read('{s}a', format))?.stamp).toEqual(STAMP)
      expect((await entries.readWithLife('{s}a', format))?.stamp).toEqual(STAMP)
      expect((await entries.readMany(['{s}a'], format))[0]).toMatchObject({
        value: 'x',
        stamp: STAMP,
        version: 7,
        computeTime: 3,
      })
      await entries.put('{s}b', format, 'x', { ttl: TTL })
      expect((await entries.read('{s}b', format))?.stamp).toBeUndefined()
    })

    it('can make a lease reject its entry', async () => {
      const { entries } = bench().newClient()
      const lease = (outdated: Buffer, token = createToken()) =>
        entries.lease('{s}a', format, {
          token,
          ttl: 1_000,
          extension: { script: unlessStamp, args: [outdated] },
        })
      await entries.put('{s}a', format, 'x', { ttl: TTL, meta: { stamp: STAMP, version: 7 } })
      for (const other of [Buffer.alloc(0), STAMP.subarray(1), Buffer.concat([STAMP, STAMP])])
        expect(await lease(other)).toMatchObject({ status: 'hit', entry: { value: 'x' } })
      const token = createToken()
      expect(await lease(STAMP, token)).toEqual({ status: 'leased', entry: undefined })
      expect(await lease(STAMP)).toMatchObject({ status: 'wait', entry: undefined })
      expect(
        await entries.fill('{s}a', format, token, 'y', {
          ttl: TTL,
          meta: { stamp: Buffer.from('newer'), version: 8 },
        }),
      ).toBe(true)
      expect(await lease(STAMP)).toMatchObject({ status: 'hit', entry: { value: 'y' } })
    })

    it('is empty in Lua for entries without one', async () => {
      const client = bench().newClient()
      for (const withoutStamp of ['"x"', frame('"x"', { version: 7, computeTime: 1 })]) {
        await client.send({ args: ['SET', '{s}a', withoutStamp], keys: ['{s}a'] })
        expect(
          await client.entries.lease('{s}a', format, {
            token: createToken(),
            ttl: 1_000,
            extension: { script: unlessStamp, args: [STAMP] },
          }),
        ).toMatchObject({ status: 'hit' })
        const token = createToken()
        expect(
          await client.entries.lease('{s}a', format, {
            token,
            ttl: 1_000,
            extension: { script: unlessStamp, args: [Buffer.alloc(0)] },
          }),
        ).toEqual({ status: 'leased', entry: undefined })
        await client.entries.release('{s}a', token)
      }
    })

    it('is read by Lua like by JavaScript, and arbitrary bytes cause no error', async () => {
      const client = bench().newClient()
      const lua = defineScript({
        name: 'stamp',
        functions: stampLua,
        lua: 'return stamp(ARGV[1])',
        binary: true,
        parse: (reply) => reply as Buffer,
      })
      const meta = fc.record({
        version: fc.option(fc.maxSafeNat(), { nil: undefined }),
        computeTime: fc.option(fc.nat(), { nil: undefined }),
        stamp: fc.option(
          fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
          { nil: undefined },
        ),
      })
      await fc.assert(
        fc.asyncProperty(meta, fc.string(), async (metadata, payload) => {
          expect(await client.run(lua, ['{s}a'], [frame(payload, metadata)])).toEqual(
            metadata.stamp ?? Buffer.alloc(0),
          )
        }),
        { numRuns: 200 },
      )
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 20 }), async (bytes) => {
          await client.run(lua, ['{s}a'], [Buffer.from([1, ...bytes])])
        }),
        { numRuns: 200 },
      )
    })
  })

  describe('a lease that a pattern defines', () => {
    const other = '{s}other'
    const request = (token = createToken(), staleBelow?: 'all') => ({
      token,
      ttl: 1_000,
      ...(staleBelow && { staleBelow }),
      extension: { script: preferOther, keys: [other], args: ['a', '5000'] },
    })

    it('can prefer another value to that of the entry, with its own time to live', async () => {
      const client = bench().newClient()
      const { entries } = client
      const token = createToken()
      expect(await entries.lease('{s}a', format, request(token))).toEqual({
        status: 'leased',
        entry: undefined,
      })
      expect(await entries.fill('{s}a', format, token, 'entry', { ttl: TTL })).toBe(true)
      expect(await entries.lease('{s}a', format, request())).toMatchObject({
        status: 'hit',
        entry: { value: 'entry' },
      })
      await client.send({
        args: ['HSET', other, 'a', format.encode('{s}a', 'other', {})],
        keys: [other],
      })
      expect(await entries.lease('{s}a', format, request())).toMatchObject({
        status: 'hit',
        entry: { value: 'other', life: 5_000 },
      })
      expect(await entries.lease('{s}a', format, request(createToken(), 'all'))).toMatchObject({
        status: 'leased',
        entry: { value: 'other' },
      })
    })

    it('can fail, and leases nothing then', async () => {
      const client = bench().newClient()
      await client.send({ args: ['HSET', other, 'a', 'fail'], keys: [other] })
      await expect(client.entries.lease('{s}a', format, request())).rejects.toMatchObject({
        code: 'OTHER',
      })
      await client.send({ args: ['DEL', other], keys: [other] })
      expect((await client.entries.lease('{s}a', format, request())).status).toBe('leased')
    })

    it('gets rid of a key of another type', async () => {
      const client = bench().newClient()
      await client.send({ args: ['SET', other, 'no hash'], keys: [other] })
      expect((await client.entries.lease('{s}a', format, request())).status).toBe('leased')
      expect(await client.send({ args: ['EXISTS', other], keys: [other] })).toBe(0)
    })
  })

  describe('a change that a pattern defines', () => {
    const set = defineChange({
      name: 'set',
      args: 1,
      lua: "redis.call('SET', KEYS[1], ARGV[1])\nreturn redis.call('EXISTS', KEYS[2])",
      parse: Number,
    })

    it('runs once for each key in every slot, and sees the writers', async () => {
      const client = bench().newClient()
      const keys = ['a', 'b', 'c', 'd', 'e']
      await client.entries.beginWrite(['c'], createToken(), 1_000)
      expect(await client.entries.change(set, keys, ['7'])).toEqual([0, 0, 1, 0, 0])
      for (const key of keys)
        expect(await client.send({ args: ['GET', key], keys: [key] })).toBe('7')
      await expect(client.entries.change(set, ['a', '}'], ['8'])).rejects.toThrow(InvalidKeyError)
      expect(await client.send({ args: ['GET', 'a'], keys: ['a'] })).toBe('7')
    })

    it('is announced in the same step, and to the near cache', async () => {
      const client = bench().newClient()
      const calls: string[] = []
      const near: NearEntries = {
        get: () => undefined,
        ask: () => ({ answered: () => undefined }),
        change: (keys) => {
          calls.push(`change ${keys.join()}`)
          return {
            announcement: { channel: 'news', from: 'me', nth: 3 },
            acknowledged: () => void calls.push('acknowledged'),
            failed: () => void calls.push('failed'),
          }
        },
      }
      const messages: string[] = []
      await client.entries.read('a', format) // Wait until the client is connected.
      const subscription = await client.driver.subscribe(['news'], {
        message: (_, payload) => messages.push(payload),
        gap: () => undefined,
        live: () => undefined,
      })
      await client.entries.withNear(near).change(set, ['a', 'b'], ['7'])
      expect(calls).toEqual(['change a,b', 'acknowledged'])
      await expect
        .poll(
          () =>
            messages.flatMap((message) => (JSON.parse(message) as { keys: string[] }).keys).sort(),
          { timeout: 5_000 },
        )
        .toEqual(expect.arrayContaining(['a', 'b']))
      await subscription.close()
    })
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { CodecError, InvalidKeyError, InvalidOptionError, ServerError, glob } from '@cache/core'
import { slidingWindow } from '@cache/ratelimit'
import { describe, expect, it } from 'vitest'
import { onEach } from './cases.js'

interface Profile {
  readonly name: string
}

onEach(({ newService, ask }) => {
  describe.each([
    ['without a bus', false],
    ['with a bus', true],
  ])('%s', (_, withBus) => {
    it('get rebuilds a missing value once for all callers in any process', async () => {
      const services = [await newService({ withBus }), await newService({ withBus })]
      let rebuilt = 0
      const rebuild = async (): Promise<Profile> => {
        rebuilt++
        await sleep(20)
        return { name: 'Alice' }
      }
      const got = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          services[i % 2]!.get<Profile>('user:42:profile', rebuild),
        ),
      )
      expect(new Set(got.map((one) => one.name))).toEqual(new Set(['Alice']))
      expect(rebuilt).toBe(1)
      expect(await services[1]!.get<Profile>('user:42:profile')).toEqual({ name: 'Alice' })
      expect(await services[0]!.get(['user', 42, 'profile'])).toEqual({ name: 'Alice' })
      expect(await ask('GET', 'shop:user:42:profile')).toBe('{"name":"Alice"}')
      const life = Number(await ask('PTTL', 'shop:user:42:profile'))
      expect(life).toBeGreaterThan(3_500_000)
      expect(life).toBeLessThanOrEqual(3_600_000)
    })

    it('get without a rebuild returns any cached value, or undefined', async () => {
      const cache = await newService({ withBus })
      for (const value of [0, '', false, null, [], {}, 'x']) {
        expect(await cache.set('value', value)).toBe(true)
        expect(await cache.get('value')).toEqual(value)
        expect(await cache.get('value', () => 'rebuilt')).toEqual(value)
      }
      expect(await cache.get('none')).toBe(undefined)
    })

    it("values with the ttl 'never' do not expire", async () => {
      const cache = await newService({ withBus, ttl: 'never' })
      await cache.get('a', () => 1)
      await cache.get('b', () => 1, { ttl: '1m' })
      await cache.set('c', 1)
      await cache.set('d', 1, { ttl: '1m' })
      await cache.remember({ prefix: 'row', load: () => 1 }).get(1)
      const others = await newService({ withBus })
      await others.get('e', () => 1, { ttl: 'never' })
      await others.set('f', 1, { ttl: 'never' })
      const lives = await Promise.all(
        ['a', 'b', 'c', 'd', 'row:1', 'e', 'f'].map(async (key) =>
          Math.sign(Number(await ask('PTTL', `shop:${key}`))),
        ),
      )
      expect(lives).toEqual([-1, 1, -1, 1, -1, -1, -1])
    })

    it('get uses its own ttl, and the rebuild may set another', async () => {
      const cache = await newService({ withBus, ttl: '10m' })
      await cache.get('a', () => 1, { ttl: '1m' })
      await cache.get('b', (context) => (context.ttl('2m'), 1), { ttl: '1m' })
      await cache.get('c', () => 1)
      await cache.set('d', 1, { ttl: '3m' })
      await cache.set('e', 1)
      const minutes = await Promise.all(
        ['a', 'b', 'c', 'd', 'e'].map(async (key) =>
          Math.round(Number(await ask('PTTL', `shop:${key}`)) / 60_000),
        ),
      )
      expect(minutes).toEqual([1, 2, 10, 3, 10])
    })

    it('get rejects with the error of its rebuild, and when its signal aborts', async () => {
      const cache = await newService({ withBus })
      await expect(
        cache.get('a', () => {
          throw new RangeError('no rows')
        }),
      ).rejects.toThrow(RangeError)
      expect(await cache.get('a', () => 1)).toBe(1)
      const stop = new AbortController()
      let rebuildSignal: AbortSignal | undefined
      const left = cache.get(
        'b',
        ({ signal }) =>
          new Promise<number>(() => {
            rebuildSignal = signal
          }),
        { signal: stop.signal },
      )
      left.catch(() => undefined)
      await expect.poll(() => rebuildSignal, { timeout: 5_000 }).toBeDefined()
      stop.abort(new Error('gone'))
      await expect(left).rejects.toThrow('gone')
      expect(rebuildSignal!.aborted).toBe(true)
    })

    it('set, invalidate and mutate are seen by every read that begins after them', async () => {
      const [cache, other] = [await newService({ withBus }), await newService({ withBus })]
      let name = 'Alice'
      const read = () => Promise.all([cache, other].map((one) => one.get('user', async () => name)))
      const fresh = async (expected: string) => {
        expect(await cache.get('user', async () => name)).toBe(expected)
        await expect.poll(read, { timeout: 5_000 }).toEqual([expected, expected])
      }
      await read()
      name = 'Bob'
      expect(await cache.invalidate('user')).toBe(true)
      await fresh('Bob')
      expect(await cache.mutate(['user', ['team', 7]], () => (name = 'Carol'))).toBe('Carol')
      await fresh('Carol')
      await cache.set('user', (name = 'Dan'))
      await fresh('Dan')
      expect(await cache.invalidate('none')).toBe(false)
      await expect(
        cache.mutate(['user'], () => {
          throw new RangeError('refused')
        }),
      ).rejects.toThrow(RangeError)
      expect(await ask('EXISTS', 'shop:user')).toBe(0)
    })

    it('a rebuild that began before an invalidation is not stored', async () => {
      const [cache, other] = [await newService({ withBus }), await newService({ withBus })]
      for (const [i, forget] of [
        () => other.invalidate('user:1'),
        () => other.bulkInvalidate('user:*'),
        () => other.increment('user:1'),
        () => other.set('user:1', 'new'),
      ].entries()) {
        let go = () => undefined as void
        const held = new Promise<void>((resolve) => {
          go = resolve
        })
        let begun = () => undefined as void
        const begins = new Promise<void>((resolve) => {
          begun = resolve
        })
        const slow = cache.get<unknown>('user:1', async () => {
          begun()
          await held
          return 'old'
        })
        await begins
        await forget()
        go()
        expect(await slow).toBe('old')
        expect(await cache.get<unknown>('user:1', () => 'new')).toBe(i === 2 ? 1 : 'new')
        await cache.invalidate('user:1')
      }
    })

    it('bulkInvalidate drops matching keys in every process, and keeps locks', async () => {
      const [cache, other] = [await newService({ withBus }), await newService({ withBus })]
      const keys = Array.from({ length: 60 }, (_, i) => `user:42:${i}`)
      await Promise.all([...keys, 'user:420:x', 'user', 'team'].map((key) => cache.set(key, 'old')))
      await Promise.all(keys.map((key) => other.get(key)))
      const lock = await cache.locks.acquire('user')
      const progress: number[] = []
      expect(
        await cache.bulkInvalidate('user:42:*', {
          onProgress: (done) => progress.push(done),
          count: 10,
        }),
      ).toBe(60)
      expect(progress.at(-1)).toBe(60)
      expect(new Set(await Promise.all(keys.map((key) => cache.get(key))))).toEqual(
        new Set([undefined]),
      )
      await expect
        .poll(() => Promise.all(keys.map((key) => other.get(key))), { timeout: 5_000 })
        .toEqual(keys.map(() => undefined))
      expect(
        await Promise.all(['user:420:x', 'user', 'team'].map((key) => cache.get(key))),
      ).toEqual(['old', 'old', 'old'])
      expect(await cache.bulkInvalidate(glob`user:${'*'}:x`)).toBe(0)
      expect(await cache.bulkInvalidate('[lmu]*').catch((error: unknown) => error)).toBeInstanceOf(
        InvalidOptionError,
      )
      expect(await cache.bulkInvalidate('lo*')).toBe(0)
      expect((await cache.locks.inspect('user'))?.fence).toBe(lock.fence)
      await lock.release()
    })

    it('increment counts exactly, and its ttl begins with the counter', async () => {
      const services = [await newService({ withBus }), await newService({ withBus })]
      const sums = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          services[i % 2]!.increment('views:42', 1 + (i % 2), { ttl: '1d' }),
        ),
      )
      expect(new Set(sums).size).toBe(200)
      expect(Math.max(...sums)).toBe(300)
      const life = Number(await ask('PTTL', 'shop:views:42'))
      await services[0]!.increment('views:42', -300, { ttl: '2d' })
      expect(Number(await ask('PTTL', 'shop:views:42'))).toBeLessThanOrEqual(life)
      await expect
        .poll(() => Promise.all(services.map((one) => one.get('views:42'))), { timeout: 5_000 })
        .toEqual([0, 0])
      expect(await services[0]!.increment('once')).toBe(1)
      expect(await ask('PTTL', 'shop:once')).toBe(-1)
      await services[0]!.set('text', 'x')
      await expect(services[0]!.increment('text')).rejects.toBeInstanceOf(ServerError)
      expect(await services[0]!.get('text')).toBe('x')
    })

    it('a counter is never taken for a stale value, as long as it lives', async () => {
      const cache = await newService({ withBus, staleWhileRevalidate: '1h', staleIfError: '1d' })
      expect(await cache.increment('views', 5, { ttl: '1d' })).toBe(5)
      expect(await cache.get('views', () => expect.unreachable())).toBe(5)
      expect(await cache.increment('views')).toBe(6)
    })

    it('foreign values within the stale times are served and rebuilt', async () => {
      const cache = await newService({ withBus, staleWhileRevalidate: '1h' })
      await ask('SET', 'shop:k', '"theirs"', 'PX', '60000')
      expect(await cache.get('k', () => 'rebuilt')).toBe('theirs')
      await expect.poll(() => cache.get('k'), { timeout: 5_000 }).toBe('rebuilt')
    })

    it('absence is cached for its own ttl or negativeTtl, and else not at all', async () => {
      let count = 0
      const [cache, negative] = [
        await newService({ withBus }),
        await newService({ withBus, negativeTtl: '1m' }),
      ]
      for (const [key, ask, rebuilt] of [
        ['a', () => cache.get('a', () => (count++, null)), 2],
        ['b', () => cache.get('b', () => (count++, null), { ttl: '1h' }), 1],
        ['c', () => negative.get('c', () => (count++, null)), 1],
      ] as const) {
        count = 0
        expect([await ask(), await ask()]).toEqual([null, null])
        expect(count, key).toBe(rebuilt)
      }
      expect(await ask('GET', 'shop:b')).toBe('null')
    })

    it('every change drops a remembered error', async () => {
      const cache = await newService({ withBus, errorTtl: '1m' })
      for (const change of [
        () => cache.invalidate('user:1'),
        () => cache.bulkInvalidate('user:*'),
        () => cache.mutate(['user:1'], () => undefined),
      ]) {
        await expect(
          cache.get('user:1', () => {
            throw new RangeError('down')
          }),
        ).rejects.toThrow('down')
        await expect(cache.get('user:1', () => 1)).rejects.toThrow('down')
        await change()
        expect(await cache.get('user:1', () => 1)).toBe(1)
        await cache.invalidate('user:1')
      }
    })

    it('remember, locks and limiter use the client of the service', async () => {
      const [cache, other] = [
        await newService({ withBus, ttl: '10m' }),
        await newService({ withBus }),
      ]
      const users = cache.remember({
        prefix: 'user',
        load: (id: number): Profile | null => (id < 9 ? { name: `user ${id}` } : null),
      })
      expect(await users.get(1)).toEqual({ name: 'user 1' })
      expect(await users.getMany([1, 2, 9])).toEqual([{ name: 'user 1' }, { name: 'user 2' }, null])
      expect(await cache.get('user:2')).toEqual({ name: 'user 2' }) // It is the same entry.
      expect(Number(await ask('PTTL', 'shop:user:2'))).toBeLessThanOrEqual(600_000)
      await cache.remember({ prefix: 'same', ttl: undefined as never, load: () => 1 }).get(1)
      expect(Number(await ask('PTTL', 'shop:same:1'))).toBeLessThanOrEqual(600_000)
      const teams = cache.remember({ prefix: 'team', ttl: '1m', load: () => 1 })
      await teams.get(1)
      expect(Number(await ask('PTTL', 'shop:team:1'))).toBeLessThanOrEqual(60_000)

      expect(
        await cache.locks.withLock('invoice', async () => other.locks.tryAcquire('invoice')),
      ).toBe(null)

      const limits = [cache, other].map((one) =>
        one.limiter({
          prefix: 'api',
          deadline: '10s',
          limits: [slidingWindow({ name: 'burst', limit: 5, window: '1m' })],
        }),
      )
      const decisions = await Promise.all(
        Array.from({ length: 12 }, (_, i) => limits[i % 2]!.consume('user')),
      )
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5)
    })
  })

  it('invalid values and keys are refused before anything is sent', async () => {
    const cache = await newService()
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    for (const value of [cyclic, Symbol('x'), () => 1])
      await expect(cache.set('k', value)).rejects.toBeInstanceOf(CodecError)
    for (const key of [
      '',
      'a\nb',
      '}',
      'a{b}:lease',
      'lock:invoice',
      ['lock', 'invoice'],
      [],
      [''],
      42,
      null,
      undefined,
      {},
    ]) {
      for (const call of [
        () => cache.get(key as string),
        () => cache.get(key as string, () => 1),
        () => cache.set(key as string, 1),
        () => cache.invalidate(key as string),
        () => cache.increment(key as string),
        () => cache.mutate(['fine', key as string], () => 1),
      ]) {
        await expect(call()).rejects.toBeInstanceOf(InvalidKeyError)
      }
    }
    expect(await ask('EXISTS', 'shop:k')).toBe(0)
    await cache.set(['user', 'a:b*', '__proto__'], { ['__proto__']: 1 })
    expect(await cache.get('user:a%3Ab*:__proto__')).toEqual(JSON.parse('{"__proto__":1}'))
  })
})

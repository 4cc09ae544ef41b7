import { setImmediate as turn } from 'node:timers/promises'
import { InvalidOptionError, UsageError, createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  createAside,
  createReadThrough,
  wrap,
  type Aside,
  type AsideOptions,
} from '../src/index.js'
import { onEach } from './cases.js'
import { race } from './clear-race.js'

/** A loader that returns when the test says so. */
function heldLoader<V>() {
  const calls: { resolve(value: V): void; reject(error: Error): void }[] = []
  const load = (): Promise<V> => new Promise((resolve, reject) => calls.push({ resolve, reject }))
  const called = async (count: number): Promise<void> => {
    while (calls.length < count) await turn()
  }
  return { calls, load, called }
}

const EPOCH = 'shop:text:%epoch'

onEach(({ newClient, ask }) => {
  const textsWith = (options: Partial<AsideOptions<string>> = {}): Aside<string> =>
    createAside<string>({
      client: newClient(),
      prefix: 'text',
      ttl: '1h',
      clearable: true,
      ...options,
    })
  let texts: Aside<string>
  let elsewhere: Aside<string>
  beforeEach(() => {
    texts = textsWith()
    elsewhere = textsWith()
  })

  describe('clear', () => {
    it('makes all entries invalid in every process, and leaves other caches alone', async () => {
      const others = createAside<string>({ client: newClient(), prefix: 'other', ttl: '1h' })
      await others.getOrLoad(1, () => 'other')
      for (const id of [1, 2]) await texts.getOrLoad(id, () => 'old')
      expect(await elsewhere.getOrLoad(1, () => 'loaded again')).toBe('old')
      await texts.clear()
      for (const cache of [texts, elsewhere]) {
        expect(await cache.peek(1)).toBeUndefined()
        expect(await cache.has(2)).toBe(false)
      }
      expect(await elsewhere.getOrLoad(1, () => 'new')).toBe('new')
      expect(await texts.getOrLoad(1, () => 'loaded again')).toBe('new')
      expect(await texts.getOrLoadMany([1, 2], (ids) => ids.map((id) => `new ${id}`))).toEqual([
        'new',
        'new 2',
      ])
      expect(await elsewhere.peek(2)).toBe('new 2')
      expect(await others.peek(1)).toBe('other')
    })

    it('keeps loads that began before it from storing what they loaded', async () => {
      const { calls, load, called } = heldLoader<string>()
      const reading = texts.getOrLoad(1, load)
      await called(1)
      await elsewhere.clear()
      calls[0]!.resolve('old')
      expect(await reading).toBe('old')
      expect(await texts.getOrLoad(1, () => 'new')).toBe('new')
      expect(await elsewhere.peek(1)).toBe('new')
    })

    it.each(['a value', 'null', 'a value that is not cached'])(
      'a reader that joins a load from before it does not get %s',
      async (what) => {
        const { calls, load, called } = heldLoader<string | null>()
        const reading = texts.getOrLoad(1, (context) => {
          if (what.endsWith('not cached')) context.skip()
          return load()
        })
        await called(1)
        await elsewhere.clear()
        const joining = texts.getOrLoad(1, () => 'new')
        await turn()
        calls[0]!.resolve(what === 'null' ? null : 'old')
        expect(await reading).toBe(what === 'null' ? null : 'old')
        expect(await joining).toBe('new')
      },
    )

    it('holds for refreshes, bulk loads and errors that began before it', async () => {
      const { calls, load, called } = heldLoader<string>()
      await texts.set(1, 'oldest')
      const many = heldLoader<readonly string[]>()
      const working = [
        texts.refresh(1, load),
        texts.getOrLoadMany([2, 3], many.load),
        textsWith({ errorTtl: '1h' }).getOrLoad(4, load),
      ]
      await called(2)
      await many.called(1)
      await elsewhere.clear()
      calls[0]!.resolve('old')
      many.calls[0]!.resolve(['old', 'old'])
      calls[1]!.reject(new Error('before'))
      const settled = await Promise.allSettled(working)
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
      for (const id of [1, 2, 3, 4]) expect(await elsewhere.peek(id)).toBeUndefined()
      for (const id of [1, 2, 3, 4]) expect(await texts.getOrLoad(id, () => 'new')).toBe('new')
    })

    it('ends stale values too, also as a fallback', async () => {
      const stale = textsWith({ staleWhileRevalidate: '1h', staleIfError: '1h' })
      await stale.getOrLoad(1, () => 'old')
      await stale.expire(1)
      expect(await stale.getOrLoad(1, () => Promise.reject(new Error('down')))).toBe('old')
      await stale.idle()
      await elsewhere.clear()
      const broken = new Error('down')
      await expect(stale.getOrLoad(1, () => Promise.reject(broken))).rejects.toBe(broken)
      expect(await stale.getOrLoad(1, () => 'new')).toBe('new')
      await stale.expire(1)
      const { calls, load, called } = heldLoader<string>()
      expect(await stale.getOrLoad(1, load)).toBe('new')
      await called(1)
      await elsewhere.clear()
      calls[0]!.resolve('reloaded before')
      await stale.idle()
      expect(await stale.getOrLoad(1, () => 'newest')).toBe('newest')
    })

    it('holds for values that were set, and not for those that are set after it', async () => {
      expect(await texts.set(1, 'old')).toBe(true)
      await texts.mutate(2, () => texts.clear())
      expect(await texts.peek(1)).toBeUndefined()
      expect(await texts.set(1, 'new')).toBe(true)
      expect(await elsewhere.peek(1)).toBe('new')
      expect(await texts.invalidate(1)).toBe(1)
    })

    it('lets a value be cached afterwards whose version is older', async () => {
      const versioned = textsWith({ version: (text) => text.length })
      await versioned.getOrLoad(1, () => 'long')
      await versioned.clear()
      expect(await versioned.getOrLoad(1, () => 'odd')).toBe('odd')
      expect(await versioned.peek(1)).toBe('odd')
    })

    it('costs one key, whose ttl begins anew with loads', async () => {
      await texts.getOrLoad(1, () => 'value')
      expect(await ask('PTTL', EPOCH)).toBeGreaterThan(29 * 86_400_000)
      await ask('PEXPIRE', EPOCH, String(86_400_000))
      await texts.getOrLoad(1, () => 'loaded again')
      expect(await ask('PTTL', EPOCH)).toBeLessThanOrEqual(86_400_000)
      await texts.getOrLoad(2, () => 'value')
      expect(await ask('PTTL', EPOCH)).toBeGreaterThan(29 * 86_400_000)
      expect(await texts.peek(1)).toBe('value')
      const long = textsWith({ ttl: '60d' })
      await ask('DEL', EPOCH)
      await long.getOrLoad(3, () => 'value')
      expect(await ask('PTTL', EPOCH)).toBeGreaterThan(119 * 86_400_000)
    })

    it('holds if the epoch is evicted, or something else is in its place', async () => {
      for (const spoil of [
        () => ask('DEL', EPOCH),
        () => ask('SET', EPOCH, '\u0001\u00ff'),
        () => ask('SET', EPOCH, ''),
        () => ask('RPUSH', EPOCH, 'x'),
      ]) {
        await texts.getOrLoad(1, () => 'old')
        const { calls, load, called } = heldLoader<string>()
        const reading = texts.getOrLoad(2, load)
        await called(1)
        await ask('DEL', EPOCH)
        await spoil()
        expect(await elsewhere.peek(1)).toBeUndefined()
        calls[0]!.resolve('old')
        await reading
        for (const id of [1, 2]) {
          expect(await texts.getOrLoad(id, () => 'new')).toBe('new')
          expect(await elsewhere.peek(id)).toBe('new')
        }
        await texts.clear()
        expect(await elsewhere.peek(1)).toBeUndefined()
        await texts.invalidate([1, 2])
      }
    })

    it('entries of a process without the option are misses, and are read by it', async () => {
      const without = textsWith({ clearable: false })
      await without.getOrLoad(1, () => 'without')
      expect(await texts.peek(1)).toBeUndefined()
      expect(await texts.getOrLoad(1, () => 'with')).toBe('with')
      expect(await without.peek(1)).toBe('with')
    })

    it('works with read-through caches, in one call of loadMany, and with functions', async () => {
      let loads = 0
      const rows = createReadThrough({
        client: newClient(),
        prefix: 'row',
        ttl: '1h',
        clearable: true,
        load: (id: number) => `${id}: ${++loads}`,
        loadMany: (ids) => {
          loads++
          return ids.map((id) => `${id}: ${loads}`)
        },
      })
      const read = () => Promise.all([1, 2, 3].map((id) => rows.get(id)))
      expect(await read()).toEqual(['1: 1', '2: 1', '3: 1'])
      expect(await read()).toEqual(['1: 1', '2: 1', '3: 1'])
      await rows.clear()
      expect(await read()).toEqual(['1: 2', '2: 2', '3: 2'])
      expect(await rows.getMany([1, 2])).toEqual(['1: 2', '2: 2'])

      const options = { client: newClient(), prefix: 'f', ttl: '1h', clearable: true } as const
      const f = wrap((x: number) => x + ++loads, options)
      const first = await f(1)
      expect(await f(1)).toBe(first)
      await f.clear()
      expect(await f(1)).toBe(first + 1)
    })

    it('no reader gets a value from before it, while everything goes on at once', async () => {
      const { stale, reads, loads, clears } = await race({
        caches: [
          textsWith({ staleWhileRevalidate: '1h', staleIfError: '1h' }),
          textsWith({ staleWhileRevalidate: '1h', staleIfError: '1h' }),
          textsWith({ version: Number }),
        ],
        rounds: process.env.CHAOS ? 3_000 : 300,
        evict: () => ask('DEL', EPOCH),
      })
      expect(stale).toEqual([])
      expect(clears).toBeGreaterThan(50)
      expect(loads).toBeGreaterThan(100)
      expect(reads).toBeGreaterThan(loads)
    })
  })
})

describe('the option clearable', () => {
  const client = createCacheClient(memoryDriver())
  const create = (options: object) => () =>
    createAside<string>({ client, prefix: 'p', ttl: '1h', ...options })

  it('is needed by clear', async () => {
    const error = await create({})()
      .clear()
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toContain('"clearable: true"')
    expect((error as Error).message).toContain('invalidateMatching(client, glob`p:*`)')
  })

  it('is true or false, and excludes entries that do not expire', async () => {
    for (const clearable of ['yes', 1, null]) expect(create({ clearable })).toThrow('"clearable"')
    expect(create({ clearable: true, ttl: 'never' })).toThrow(InvalidOptionError)
    const texts = create({ clearable: true })()
    await expect(texts.set(1, 'x', { ttl: 'never' })).rejects.toThrow('"ttl" must be a duration')
    await expect(
      texts.getOrLoad(1, ({ ttl }) => {
        ttl('never')
        return 'x'
      }),
    ).rejects.toThrow('"ttl" must be a duration')
  })

  it('rejects clear if the server does not answer', async () => {
    const driver = memoryDriver()
    const texts = createAside<string>({
      client: createCacheClient(driver, { resilience: { readTimeout: 50, writeTimeout: 50 } }),
      prefix: 'p',
      ttl: '1h',
      clearable: true,
    })
    await texts.getOrLoad(1, () => 'old')
    driver.faults.silent = true
    await expect(texts.clear()).rejects.toMatchObject({ code: 'TIMEOUT' })
    expect(await texts.getOrLoad(1, () => 'from the source')).toBe('from the source')
    driver.faults.silent = false
    await texts.clear()
    expect(await texts.peek(1)).toBeUndefined()
  })

  it('works on a full server', async () => {
    const driver = memoryDriver()
    const full = createCacheClient(driver)
    const texts = createAside<string>({ client: full, prefix: 'p', ttl: '1h', clearable: true })
    await texts.getOrLoad(1, () => 'old')
    driver.faults.outOfMemory = true
    await texts.clear()
    expect(await texts.peek(1)).toBeUndefined()
    expect(await texts.getOrLoad(1, () => 'new')).toBe('new')
  })
})

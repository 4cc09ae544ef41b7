import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createAside } from '../src/index.js'
import { onEach } from './cases.js'

const soon = { timeout: 10_000 }
const LEASE_TTL = 800

onEach((bench) => {
  describe('a caller that aborts', () => {
    it('leaves no error for later callers', async () => {
      const cache = createAside<number>({
        client: bench.newClient(),
        prefix: 'p',
        ttl: '1h',
        errorTtl: '1m',
      })
      const abortController = new AbortController()
      let started = false
      const left = cache.getOrLoad(
        1,
        async () => {
          started = true
          await sleep(50)
          return 1
        },
        { signal: abortController.signal },
      )
      await expect.poll(() => started, soon).toBe(true)
      abortController.abort(new Error('hung up'))
      await expect(left).rejects.toThrow('hung up')
      expect(await cache.getOrLoad(1, () => 2)).toBe(2)
    })

    it('does not abort the next caller, whenever it comes', async () => {
      const cache = createAside<number>({
        client: bench.newClient(),
        prefix: 'p',
        ttl: '1h',
        errorTtl: '1m',
      })
      for (let i = 0; i < 20; i++) {
        const abortController = new AbortController()
        const left = cache
          .getOrLoad(i, () => sleep(20, 1), { signal: abortController.signal })
          .catch((error: Error) => error.message)
        for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve))
        abortController.abort(new Error('hung up'))
        expect([1, 2]).toContain(await cache.getOrLoad(i, () => 2)) // 1 if it was loaded by then
        await left
      }
    })
  })

  it('a loader that hangs delays its own caller, and others for at most leaseTtl', async () => {
    const [here, elsewhere] = [bench.newClient(), bench.newClient()].map((client) =>
      createAside<string>({ client, prefix: 'p', ttl: '1h', leaseTtl: LEASE_TTL, waitFor: 50 }),
    )
    const started = performance.now()
    let loading = false
    const hung = here!.getOrLoad(1, () => {
      loading = true
      return new Promise<never>(() => undefined)
    })
    hung.catch(() => undefined)
    await expect.poll(() => loading, soon).toBe(true)
    const joined = here!.getOrLoad(1, () => 'anew')
    expect(await elsewhere!.getOrLoad(1, () => 'elsewhere')).toBe('elsewhere')
    expect(['anew', 'elsewhere']).toContain(await joined)
    expect(['anew', 'elsewhere']).toContain(await here!.getOrLoad(1, () => 'anew'))
    // The lease of the hanging load does not keep the key from being cached either.
    await expect
      .poll(async () => (await here!.getOrLoad(1, () => 'kept'), here!.peek(1)), soon)
      .toBeDefined()
    expect(performance.now() - started).toBeLessThan(5 * LEASE_TTL)
  })

  it('a loader of many keys that hangs delays others for at most leaseTtl', async () => {
    const [here, elsewhere] = [bench.newClient(), bench.newClient()].map((client) =>
      createAside<string>({ client, prefix: 'p', ttl: '1h', leaseTtl: LEASE_TTL, waitFor: '1m' }),
    )
    const started = performance.now()
    let loading = false
    here!
      .getOrLoadMany([1, 2, 3], () => {
        loading = true
        return new Promise<never>(() => undefined)
      })
      .catch(() => undefined)
    await expect.poll(() => loading, soon).toBe(true)
    expect(
      await Promise.all([
        here!.getOrLoad(1, () => 'here'),
        elsewhere!.getOrLoad(2, () => 'elsewhere'),
        elsewhere!.getOrLoadMany([3], () => ['many']),
      ]),
    ).toEqual(['here', 'elsewhere', ['many']])
    expect(
      await here!.getOrLoadMany([1, 2, 3], () => {
        throw new Error('nothing is missing')
      }),
    ).toEqual(['here', 'elsewhere', 'many'])
    expect(performance.now() - started).toBeLessThan(5 * LEASE_TTL)
  })

  it('a load that takes longer than leaseTtl is cached, for one key and for many', async () => {
    const cache = createAside<number>({
      client: bench.newClient(),
      prefix: 'p',
      ttl: '1h',
      leaseTtl: 1_500,
    })
    expect(await cache.getOrLoad(1, () => sleep(1_800, 1))).toBe(1)
    expect(await cache.peek(1)).toBe(1)
    const ids = Array.from({ length: 20 }, (_, i) => 10 + i)
    expect(await cache.getOrLoadMany(ids, (missing) => sleep(4_000, missing as number[]))).toEqual(
      ids,
    )
    expect(
      await cache.getOrLoadMany(ids, () => {
        throw new Error('nothing is missing')
      }),
    ).toEqual(ids)
  })

  describe('an answer of a loader that can’t be cached', () => {
    it('is returned, and makes no caller wait', async () => {
      const cache = createAside<unknown>({
        client: bench.newClient(),
        prefix: 'p',
        ttl: '1h',
        maxValueBytes: 100,
        waitFor: '20s',
      })
      expect(await cache.getOrLoad(1, () => 'x'.repeat(200))).toHaveLength(200)
      class Row {
        constructor(readonly id: number) {}
      }
      expect(await cache.getOrLoad(2, () => new Row(1))).toEqual(new Row(1))
      expect(await cache.getOrLoad(2, () => new Row(2))).toEqual(new Row(2))
      expect(await cache.getOrLoadMany([3, 4], () => [new Row(5), 6])).toEqual([new Row(5), 6])
      expect(await cache.peek(4)).toBe(6)
    })

    it('leaves no rejection unhandled', async () => {
      const unhandled: unknown[] = []
      const note = (error: unknown): void => void unhandled.push(error)
      process.on('unhandledRejection', note)
      const cache = createAside<number>({ client: bench.newClient(), prefix: 'p', ttl: '1h' })
      const bad = (): Promise<number> => Promise.reject(new Error('no row'))
      await expect(cache.getOrLoadMany([1, 2], () => [bad(), bad(), bad()])).rejects.toThrow(
        '2 ids',
      )
      await expect(
        cache.getOrLoadMany(
          [1, 2],
          () =>
            new Map([
              [1, bad()],
              [2, bad()],
              [3, bad()],
            ]),
        ),
      ).rejects.toThrow('no row')
      await expect(cache.getOrLoadMany([1, 2], () => 7 as never)).rejects.toThrow('2 ids')
      await sleep(10)
      process.off('unhandledRejection', note)
      expect(unhandled).toEqual([])
      expect(await cache.getOrLoadMany([1, 2], () => [1, 2])).toEqual([1, 2])
    })
  })

  it('reloads in the background are handed to waitUntil, and awaited by idle', async () => {
    const handed: Promise<unknown>[] = []
    const cache = createAside<number>({
      client: bench.newClient(),
      prefix: 'p',
      ttl: 1,
      staleWhileRevalidate: '1h',
      waitUntil: (work) => handed.push(work),
    })
    await cache.getOrLoad(1, () => 1)
    await cache.idle()
    await sleep(5)
    expect(await cache.getOrLoad(1, () => sleep(50, 2))).toBe(1)
    expect(handed).toHaveLength(1)
    await cache.idle()
    expect(await cache.peek(1)).toBe(2)
    await sleep(5)
    await cache.getOrLoad(1, () => {
      throw new Error('no row')
    })
    await Promise.all(handed) // These promises never reject.
    expect(handed).toHaveLength(2)
  })

  it.each([{}, { staleWhileRevalidate: 1_000 }])(
    'calls of any size fit into maxInFlight (%o)',
    async (options) => {
      const client = bench.newClient({
        resilience: { maxInFlight: 50, readTimeout: '20s', writeTimeout: '20s' },
      })
      const cache = createAside<number>({
        client,
        prefix: 'p',
        ttl: '1h',
        leaseTtl: '1m',
        ...options,
      })
      const ids = Array.from({ length: 300 }, (_, i) => i)
      const loads: number[] = []
      const read = () =>
        cache.getOrLoadMany(ids, (missing) => {
          loads.push(missing.length)
          return missing as number[]
        })
      expect(await read()).toEqual(ids)
      expect(await read()).toEqual(ids)
      expect(loads).toEqual([300])
      expect(await cache.mutate(ids, () => 'done')).toBe('done')
      await read()
      expect(loads).toEqual([300, 300])
      expect(await cache.expire(ids)).toBe(300)
      await cache.idle()
      await read()
      await cache.idle()
      expect(await cache.invalidate(ids)).toBe(300)
    },
  )
})

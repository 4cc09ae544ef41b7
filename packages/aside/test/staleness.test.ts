import { setTimeout as sleep } from 'node:timers/promises'
import { channels, type Messages } from '@cache/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LoadTimeoutError, createAside } from '../src/index.js'
import { onEach } from './cases.js'

onEach(
  ({ newClient, ask }) => {
    const held: (() => void)[] = []
    const hold = () => new Promise<void>((resolve) => held.push(resolve))
    afterEach(() => {
      for (const release of held.splice(0)) release()
    })

    describe('staleWhileRevalidate', () => {
      it('returns the old value at once, and reloads once among all processes', async () => {
        const here = createAside<number>({
          client: newClient(),
          prefix: 'swr',
          ttl: '1h',
          staleWhileRevalidate: '10m',
        })
        const there = createAside<number>({
          client: newClient(),
          prefix: 'swr',
          ttl: '1h',
          staleWhileRevalidate: '10m',
        })
        await here.getOrLoad('a', () => 1)
        await here.expire('a')
        let loads = 0
        const reload = async (): Promise<number> => {
          loads++
          await hold()
          return 2
        }
        const answers = await Promise.all(
          [here, there, here, there].map((cache) => cache.getOrLoad('a', reload)),
        )
        expect(answers).toEqual([1, 1, 1, 1])
        await vi.waitFor(() => expect(loads).toBe(1), { timeout: 10_000 })
        held.splice(0).forEach((release) => release())
        await vi.waitFor(async () => expect(await there.getOrLoad('a', reload)).toBe(2), {
          timeout: 10_000,
        })
        expect(loads).toBe(1)
        expect((await ask('PTTL', 'shop:swr:a')) as number).toBeGreaterThan(3_600_000)
      })

      it('does not serve the old value after an invalidation', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'swr',
          ttl: '1h',
          staleWhileRevalidate: '10m',
        })
        await cache.getOrLoad('a', () => 1)
        await cache.expire('a')
        await cache.invalidate('a')
        expect(await cache.getOrLoad('a', () => 2)).toBe(2)
      })

      it('serves the old value while its reloads fail, and reports it', async () => {
        const failures: unknown[] = []
        const listen = (message: unknown): void => {
          if ((message as Messages['load']).error) failures.push(message)
        }
        channels.load.subscribe(listen)
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'swr',
          ttl: '1h',
          staleWhileRevalidate: '10m',
        })
        await cache.getOrLoad('a', () => 1)
        await cache.expire('a')
        expect(await cache.getOrLoad('a', () => Promise.reject(new Error('down')))).toBe(1)
        await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 10_000 })
        expect(await cache.getOrLoad('a', () => 1)).toBe(1)
        channels.load.unsubscribe(listen)
      })

      it('reloads the stale values of many in one call', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'swr',
          ttl: '1h',
          staleWhileRevalidate: '10m',
        })
        for (const id of [1, 2, 3]) await cache.set(id, id)
        await cache.expire([1, 3])
        const asked: unknown[] = []
        const answers = await cache.getOrLoadMany([1, 2, 3], async (missing) => {
          asked.push([...missing])
          return missing.map((id) => Number(id) * 10)
        })
        expect(answers).toEqual([1, 2, 3])
        await vi.waitFor(async () => expect(await cache.peek(3)).toBe(30), { timeout: 10_000 })
        expect(asked).toEqual([[1, 3]])
      })
    })

    describe('staleIfError', () => {
      it('returns the old value if the loader throws, and else the new value', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'sie',
          ttl: '1h',
          staleIfError: '10m',
        })
        await cache.getOrLoad('a', () => 1)
        await cache.expire('a')
        expect(await cache.getOrLoad('a', () => Promise.reject(new Error('down')))).toBe(1)
        expect(await cache.getOrLoad('a', () => 2)).toBe(2)
      })

      it('does not bring back an invalidated value', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'sie',
          ttl: '1h',
          staleIfError: '10m',
        })
        await cache.getOrLoad('a', () => 1)
        await cache.invalidate('a')
        await expect(cache.getOrLoad('a', () => Promise.reject(new Error('down')))).rejects.toThrow(
          'down',
        )
      })

      it('serves the old value to later callers too while the error is remembered', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'sie',
          ttl: '1h',
          staleIfError: '10m',
          errorTtl: '1m',
        })
        let loads = 0
        const fail = async (): Promise<number> => {
          loads++
          throw new Error('down')
        }
        await cache.getOrLoad('a', () => 1)
        await cache.expire('a')
        for (let i = 0; i < 5; i++) expect(await cache.getOrLoad('a', fail)).toBe(1)
        expect(loads).toBeLessThanOrEqual(5)
      })
    })

    describe('errorTtl', () => {
      it('gives later callers the error without a load, unless `retryOn` selects it', async () => {
        let loads = 0
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'err',
          ttl: '1h',
          errorTtl: '1m',
          retryOn: (error) => (error as Error).message === 'passing',
        })
        const fail = (message: string) => async (): Promise<number> => {
          loads++
          throw new Error(message)
        }
        const first = await cache.getOrLoad('a', fail('lasting')).catch((error: unknown) => error)
        const second = await cache.getOrLoad('a', () => 1).catch((error: unknown) => error)
        expect(second).toBe(first)
        expect(loads).toBe(1)
        await expect(cache.getOrLoad('b', fail('passing'))).rejects.toThrow('passing')
        expect(await cache.getOrLoad('b', () => 1)).toBe(1)
      })

      it('is forgotten by an invalidation', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'err',
          ttl: '1h',
          errorTtl: '1m',
        })
        await expect(cache.getOrLoad('a', () => Promise.reject(new Error('down')))).rejects.toThrow(
          'down',
        )
        await cache.invalidate('a')
        expect(await cache.getOrLoad('a', () => 1)).toBe(1)
      })

      it('keeps no errors of loads that began before an invalidation', async () => {
        const [cache, other] = [newClient(), newClient()].map((client) =>
          createAside<number>({ client, prefix: 'err', ttl: '1h', errorTtl: '1m' }),
        )
        for (const invalidator of [cache!, other!]) {
          let fail = (_: Error): void => undefined
          const failing = cache!.getOrLoad(
            'a',
            () =>
              new Promise<number>((_, reject) => {
                fail = reject
              }),
          )
          failing.catch(() => undefined)
          await vi.waitFor(
            async () => expect(await ask('EXISTS', 'shop:err:{shop:err:a}:lease')).toBe(1),
            { timeout: 10_000 },
          )
          await invalidator.invalidate('a')
          fail(new Error('down'))
          await expect(failing).rejects.toThrow('down')
          await vi.waitFor(async () => expect(await cache!.getOrLoad('a', () => 1)).toBe(1), {
            timeout: 10_000,
          })
          await cache!.invalidate('a')
        }
      })
    })

    describe('earlyRefresh', () => {
      it('calls a ttl function with values only', async () => {
        const cache = createAside<{ ms: number }>({
          client: newClient(),
          prefix: 'early',
          ttl: ({ ms }) => ms,
          negativeTtl: '1h',
          earlyRefresh: { beta: 1e12, share: 1 },
        })
        await cache.getOrLoad('a', () => null)
        let loads = 0
        expect(
          await cache.getOrLoad('a', () => {
            loads++
            return null
          }),
        ).toBeNull()
        // This read starts an early reload in the background.
        await vi.waitFor(() => expect(loads).toBe(1), { timeout: 10_000 })
      })

      it('always reloads early if the loader takes longer than the rest of the ttl', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'early',
          ttl: '1h',
          earlyRefresh: { beta: 1e12, share: 1 },
        })
        await cache.getOrLoad('a', async () => {
          await new Promise((resolve) => setTimeout(resolve, 20))
          return 1
        })
        expect(await cache.getOrLoad('a', () => 2)).toBe(1)
        await vi.waitFor(async () => expect(await cache.peek('a')).toBe(2), { timeout: 10_000 })
      })

      it('never reloads before its share of the ttl begins', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'early',
          ttl: '1h',
          earlyRefresh: { beta: 1e9, share: 0.5 },
        })
        await cache.getOrLoad('a', async () => {
          await new Promise((resolve) => setTimeout(resolve, 20))
          return 1
        })
        for (let i = 0; i < 20; i++) expect(await cache.getOrLoad('a', () => 2)).toBe(1)
      })
    })

    describe('the loader', () => {
      it('receives the value that it replaces, and may keep it', async () => {
        const cache = createAside<{ etag: string }>({
          client: newClient(),
          prefix: 'reval',
          ttl: '1h',
          staleIfError: '10m',
        })
        await cache.getOrLoad('a', ({ stale }) => {
          expect(stale).toBeUndefined()
          return { etag: 'x' }
        })
        await cache.expire('a')
        expect(
          await cache.getOrLoad('a', ({ stale, notModified }) => {
            expect(stale).toEqual({ etag: 'x' })
            return notModified()
          }),
        ).toEqual({ etag: 'x' })
        expect((await ask('PTTL', 'shop:reval:a')) as number).toBeGreaterThan(3_600_000)
      })

      it('learns that there is no value to keep', async () => {
        const cache = createAside<number>({ client: newClient(), prefix: 'reval', ttl: '1h' })
        await expect(
          cache.getOrLoad('a', ({ notModified }) => notModified()),
        ).rejects.toMatchObject({
          name: 'UsageError',
          code: 'USAGE',
          message: expect.stringContaining('context.stale') as string,
        })
      })

      it('may skip the cache; callers then load in parallel for a second', async () => {
        const cache = createAside<number>({ client: newClient(), prefix: 'skip', ttl: '1h' })
        await cache.getOrLoad('a', ({ skip }) => {
          skip()
          return 1
        })
        expect(await cache.peek('a')).toBeUndefined()
        let running = 0
        let most = 0
        const slow = async (): Promise<number> => {
          most = Math.max(most, ++running)
          await vi.waitFor(() => expect(most).toBe(2), { timeout: 10_000 })
          running--
          return 2
        }
        const first = cache.getOrLoad('a', slow)
        await vi.waitFor(() => expect(running).toBe(1), { timeout: 10_000 })
        expect(await Promise.all([first, cache.getOrLoad('a', slow)])).toEqual([2, 2])
      })

      it('is aborted after `hard`, and its callers get LoadTimeoutError', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'hard',
          ttl: '1h',
          loadTimeout: { hard: '20ms' },
        })
        let abortReason: unknown
        const stuck = cache.getOrLoad(
          'a',
          ({ signal }) =>
            new Promise<number>(() =>
              signal.addEventListener('abort', () => {
                abortReason = signal.reason
              }),
            ),
        )
        await expect(stuck).rejects.toBeInstanceOf(LoadTimeoutError)
        expect(abortReason).toBeInstanceOf(LoadTimeoutError)
        expect(await cache.getOrLoad('a', () => 1)).toBe(1)
      })

      it('can take longer than any timer of Node.js', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'long',
          ttl: '1h',
          staleIfError: '10m',
          waitFor: '60d',
          loadTimeout: { soft: '30d', hard: '60d' },
        })
        const slow = async () => {
          await sleep(50)
          return 1
        }
        expect(await Promise.all([cache.getOrLoad('a', slow), cache.getOrLoad('a', slow)])).toEqual(
          [1, 1],
        )
        await cache.expire('a')
        expect(await cache.getOrLoad('a', async () => (await slow()) + 1)).toBe(2)
      })

      it('continues after `soft`, while callers get the stale value', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'soft',
          ttl: '1h',
          staleIfError: '10m',
          loadTimeout: { soft: '20ms' },
        })
        await cache.getOrLoad('a', () => 1)
        await cache.expire('a')
        expect(
          await cache.getOrLoad('a', async () => {
            await hold()
            return 2
          }),
        ).toBe(1)
        held.splice(0).forEach((release) => release())
        await vi.waitFor(async () => expect(await cache.peek('a')).toBe(2), { timeout: 10_000 })
      })

      it('is aborted when its last caller has aborted, and not before', async () => {
        const cache = createAside<number>({ client: newClient(), prefix: 'left', ttl: '1h' })
        let aborted = false
        const load = ({ signal }: { signal: AbortSignal }) =>
          new Promise<number>(() =>
            signal.addEventListener('abort', () => {
              aborted = true
            }),
          )
        const [one, two] = [new AbortController(), new AbortController()]
        const first = cache
          .getOrLoad('a', load, { signal: one.signal })
          .catch((error: unknown) => error)
        const second = cache
          .getOrLoad('a', load, { signal: two.signal })
          .catch((error: unknown) => error)
        await vi.waitFor(
          async () => expect(await ask('EXISTS', 'shop:left:{shop:left:a}:lease')).toBe(1),
          { timeout: 10_000 },
        )
        const reason = new Error('gone')
        one.abort(reason)
        expect(await first).toBe(reason)
        expect(aborted).toBe(false)
        two.abort(reason)
        expect(await second).toBe(reason)
        await vi.waitFor(() => expect(aborted).toBe(true), { timeout: 10_000 })
        await vi.waitFor(
          async () => expect(await ask('EXISTS', 'shop:left:{shop:left:a}:lease')).toBe(0),
          { timeout: 10_000 },
        )
        await expect(
          cache.getOrLoad('a', load, { signal: AbortSignal.abort(reason) }),
        ).rejects.toBe(reason)
      })
    })

    describe('waiting for another process', () => {
      it('ends after `waitFor`: the caller loads by itself, and does not fill', async () => {
        const here = createAside<number>({ client: newClient(), prefix: 'wait', ttl: '1h' })
        const there = createAside<number>({
          client: newClient(),
          prefix: 'wait',
          ttl: '1h',
          waitFor: '50ms',
        })
        const slow = here.getOrLoad('a', async () => {
          await hold()
          return 1
        })
        await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 10_000 })
        expect(await there.getOrLoad('a', () => 2)).toBe(2)
        expect(await there.peek('a')).toBeUndefined()
        held.splice(0).forEach((release) => release())
        expect(await slow).toBe(1)
        expect(await there.peek('a')).toBe(1)
      })

      it('does not happen with `stampede: process`: each process loads', async () => {
        const options = { prefix: 'each', ttl: '1h', stampede: 'process' } as const
        const here = createAside<number>({ client: newClient(), ...options })
        const there = createAside<number>({ client: newClient(), ...options })
        const slow = here.getOrLoad('a', async () => {
          await hold()
          return 1
        })
        await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 10_000 })
        expect(await there.getOrLoad('a', () => 2)).toBe(2)
        held.splice(0).forEach((release) => release())
        expect(await slow).toBe(1)
        expect(await there.peek('a')).toBe(2)
      })

      it('does not happen with `stampede: off`', async () => {
        const cache = createAside<number>({
          client: newClient(),
          prefix: 'off',
          ttl: '1h',
          stampede: 'off',
        })
        let loads = 0
        await Promise.all([1, 2, 3].map(() => cache.getOrLoad('a', () => ++loads)))
        expect(loads).toBe(3)
      })
    })
  },
  { sharded: true },
)

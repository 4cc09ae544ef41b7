import { setImmediate as turn } from 'node:timers/promises'
import { ConnectionError, createCacheClient, type Driver } from '@cache/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { createAside, createReadThrough, type Aside } from '../src/index.js'
import { onEach } from './cases.js'

/** A loader that returns when the test says so. */
function heldLoader() {
  const calls: { resolve(value: string | null): void; reject(error: Error): void }[] = []
  const load = (): Promise<string | null> =>
    new Promise((resolve, reject) => calls.push({ resolve, reject }))
  const called = async (count: number): Promise<void> => {
    while (calls.length < count) await turn()
  }
  return { calls, load, called }
}

onEach(({ newClient, ask }) => {
  let texts: Aside<string>
  let elsewhere: Aside<string>

  beforeEach(() => {
    texts = createAside<string>({ client: newClient(), prefix: 'text', ttl: '1h' })
    elsewhere = createAside<string>({ client: newClient(), prefix: 'text', ttl: '1h' })
  })

  describe('refresh', () => {
    it('replaces the value after the load, and serves the old one until then', async () => {
      await texts.getOrLoad(1, () => 'old')
      const { calls, load, called } = heldLoader()
      const refreshing = texts.refresh(1, load)
      await called(1)
      expect(await texts.getOrLoad(1, () => 'loaded again')).toBe('old')
      expect(await elsewhere.getOrLoad(1, () => 'loaded again')).toBe('old')
      calls[0]!.resolve('new')
      expect(await refreshing).toBe('new')
      expect(await elsewhere.peek(1)).toBe('new')
      expect(await ask('EXISTS', 'shop:text:{shop:text:1}:lease')).toBe(0)
    })

    it('loads a value that is not cached yet', async () => {
      expect(await texts.refresh(1, () => 'new')).toBe('new')
      expect(await elsewhere.peek(1)).toBe('new')
    })

    it('rejects with the error of the loader, and keeps the old value', async () => {
      await texts.getOrLoad(1, () => 'old')
      const broken = new Error('no such table')
      await expect(texts.refresh(1, () => Promise.reject(broken))).rejects.toBe(broken)
      expect(await texts.getOrLoad(1, () => 'loaded again')).toBe('old')
      expect(await texts.refresh(1, () => 'new')).toBe('new')
    })

    it('loads once for calls that come together', async () => {
      let loads = 0
      const load = (): string => `load ${++loads}`
      const refreshed = await Promise.all(Array.from({ length: 100 }, () => texts.refresh(1, load)))
      expect(loads).toBe(1)
      expect(new Set(refreshed)).toEqual(new Set(['load 1']))
    })

    it('loads once more for all calls that come while it loads', async () => {
      const { calls, load, called } = heldLoader()
      const first = texts.refresh(1, load)
      await called(1)
      const later = Array.from({ length: 100 }, () => texts.refresh(1, load))
      calls[0]!.resolve('first')
      await called(2)
      calls[1]!.resolve('second')
      expect(await first).toBe('first')
      expect(new Set(await Promise.all(later))).toEqual(new Set(['second']))
      expect(calls).toHaveLength(2)
      expect(await texts.peek(1)).toBe('second')
    })

    it.each(['invalidate', 'mutate'] as const)(
      'stores nothing if %s came first',
      async (change) => {
        await texts.getOrLoad(1, () => 'old')
        const { calls, load, called } = heldLoader()
        const refreshing = texts.refresh(1, load)
        await called(1)
        await (change === 'invalidate'
          ? elsewhere.invalidate(1)
          : elsewhere.mutate(1, () => undefined))
        calls[0]!.resolve('from before')
        expect(await refreshing).toBe('from before')
        expect(await texts.peek(1)).toBeUndefined()
        expect(await texts.getOrLoad(1, () => 'current')).toBe('current')
      },
    )

    it('takes the lease of a reader that loads an older value', async () => {
      const { calls, load, called } = heldLoader()
      const reading = elsewhere.getOrLoad(1, load as () => Promise<string>)
      await called(1)
      expect(await texts.refresh(1, () => 'new')).toBe('new')
      calls[0]!.resolve('older')
      expect(await reading).toBe('older')
      expect(await elsewhere.getOrLoad(1, () => 'loaded again')).toBe('new')
    })

    it('leaves the newest value if two processes refresh it, or none', async () => {
      const { calls, load, called } = heldLoader()
      const first = texts.refresh(1, load)
      await called(1)
      const second = elsewhere.refresh(1, () => 'second')
      expect(await second).toBe('second')
      calls[0]!.resolve('first')
      expect(await first).toBe('first')
      expect(await texts.peek(1)).not.toBe('first')
    })

    it('drops the old value if the source has none any more', async () => {
      await texts.getOrLoad(1, () => 'old')
      expect(await texts.refresh(1, () => null)).toBeNull()
      expect(await elsewhere.peek(1)).toBeUndefined()
      const remembering = createAside<string>({
        client: newClient(),
        prefix: 'text',
        ttl: '1h',
        negativeTtl: '1m',
      })
      await remembering.getOrLoad(1, () => 'old')
      await remembering.refresh(1, () => null)
      expect(await elsewhere.peek(1)).toBeNull()
    })

    it('drops the old value if the loader keeps the new one out of the cache', async () => {
      await texts.getOrLoad(1, () => 'old')
      const refreshed = await texts.refresh(1, ({ skip }) => (skip(), 'new'))
      expect(refreshed).toBe('new')
      expect(await texts.peek(1)).toBeUndefined()
    })

    it('drops the old value if the new one cannot be encoded', async () => {
      const values = createAside<unknown>({ client: newClient(), prefix: 'value', ttl: '1h' })
      await values.getOrLoad(1, () => 'old')
      const unstorable = Symbol('x')
      expect(await values.refresh(1, () => unstorable)).toBe(unstorable)
      expect(await values.peek(1)).toBeUndefined()
    })

    it('does not replace a newer version', async () => {
      const rows = createAside<{ v: number }>({
        client: newClient(),
        prefix: 'row',
        ttl: '1h',
        version: ({ v }) => v,
      })
      await rows.set(1, { v: 5 })
      expect(await rows.refresh(1, () => ({ v: 4 }))).toEqual({ v: 4 })
      expect(await rows.peek(1)).toEqual({ v: 5 })
    })

    it('gives the loader the old value, which may still be right', async () => {
      await texts.getOrLoad(1, () => 'old')
      const refreshed = await texts.refresh(1, ({ stale, notModified }) => {
        expect(stale).toBe('old')
        return notModified()
      })
      expect(refreshed).toBe('old')
      expect(await texts.peek(1)).toBe('old')
    })

    it('stops waiting when its signal aborts, and fails no call that shares it', async () => {
      const { calls, load, called } = heldLoader()
      const controller = new AbortController()
      const aborted = texts.refresh(1, load, { signal: controller.signal })
      const sharing = texts.refresh(1, load)
      await called(1)
      controller.abort(new Error('gone'))
      await expect(aborted).rejects.toThrow('gone')
      calls[0]!.resolve('new')
      expect(await sharing).toBe('new')
    })

    it('is a method of a read-through cache, with its loader', async () => {
      let row = 'old'
      const rows = createReadThrough({
        client: newClient(),
        prefix: 'row',
        ttl: '1h',
        load: async (id: number) => `${row} ${id}`,
      })
      expect(await rows.get(1)).toBe('old 1')
      row = 'new'
      expect(await rows.get(1)).toBe('old 1')
      expect(await rows.refresh(1)).toBe('new 1')
      expect(await rows.get(1)).toBe('new 1')
    })
  })
})

it('rejects while Redis is down, without calling the loader', async () => {
  const refuse = async (): Promise<ConnectionError> => new ConnectionError('refused')
  const driver: Driver = {
    name: 'down',
    topology: 'standalone',
    send: (commands) => commands.map(refuse),
    group: (keys) => [keys],
    dedicate: () => Promise.reject(new ConnectionError('refused')),
    subscribe: () => Promise.reject(new ConnectionError('refused')),
    nodes: async () => [],
    close: async () => undefined,
  }
  await using client = createCacheClient(driver)
  const texts = createAside<string>({ client, prefix: 'text', ttl: '1h' })
  let loads = 0
  await expect(texts.refresh(1, () => `load ${++loads}`)).rejects.toThrow(ConnectionError)
  await expect(texts.refresh(1, undefined as never)).rejects.toThrow('"load" must be a function')
  expect(loads).toBe(0)
})

import { InvalidKeyError } from '@cache/core'
import { startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createLocks, createStampedeGuard, type StampedeGuard } from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { connect, driverNames } from './drivers.js'

onEveryDriver(({ newClient, ask }) => {
  const newGuard = (
    options: { ttl?: number; lockTtl?: number; wait?: number } = {},
  ): StampedeGuard<unknown> => {
    const client = newClient()
    return createStampedeGuard({
      client,
      locks: createLocks({ client, ttl: options.lockTtl ?? 10_000 }),
      ttl: options.ttl ?? '1h',
      ...(options.wait && { wait: options.wait }),
    })
  }

  describe('a guarded value', () => {
    it('is rebuilt once for all callers, and stored under its own key as JSON', async () => {
      let rebuilds = 0
      const rebuild = async (): Promise<{ n: number }> => {
        rebuilds++
        await new Promise((resolve) => setTimeout(resolve, 100))
        return { n: rebuilds }
      }
      const guards = Array.from({ length: 5 }, () => newGuard())
      const results = await Promise.all(
        guards.flatMap((guard) =>
          Array.from({ length: 10 }, () => guard.get('expensive:7', rebuild)),
        ),
      )
      expect(rebuilds).toBe(1)
      expect(results).toEqual(Array.from({ length: 50 }, () => ({ n: 1 })))
      expect(await ask('GET', 'expensive:7')).toBe('{"n":1}')
      expect(Number(await ask('PTTL', 'expensive:7'))).toBeGreaterThan(3_500_000)
    })

    it.each([[0], [''], [false], [null], [undefined], [[]]])('may be %j', async (value) => {
      let rebuilds = 0
      const guard = newGuard()
      for (let i = 0; i < 3; i++)
        expect(
          await guard.get(`falsy:${JSON.stringify(value)}`, () => {
            rebuilds++
            return value
          }),
        ).toEqual(value)
      expect(rebuilds).toBe(1)
    })

    it('is rebuilt by the next process if the first one died', async () => {
      const dying = newClient()
      let onStart!: () => void
      const started = new Promise<void>((resolve) => {
        onStart = resolve
      })
      const dead = createStampedeGuard({
        client: dying,
        locks: createLocks({ client: dying, ttl: 500 }),
        ttl: '1h',
      }).get('k', () => {
        onStart()
        return new Promise(() => undefined)
      })
      dead.catch(() => undefined)
      await started
      const waiting = newGuard().get('k', () => 'of the next')
      await dying.close()
      expect(await waiting).toBe('of the next')
      expect(await ask('GET', 'k')).toBe('"of the next"')
    })

    it('is rebuilt without the lock by a caller that has waited for `wait`', async () => {
      let release!: (value: string) => void
      const slow = newGuard().get(
        'k',
        () =>
          new Promise<string>((resolve) => {
            release = resolve
          }),
      )
      await expect.poll(() => ask('EXISTS', 'shop:lock:k')).toBe(1)
      expect(await newGuard({ wait: 200 }).get('k', () => 'without lock')).toBe('without lock')
      release('of the first')
      expect(await slow).toBe('of the first')
      expect(await newGuard().get('k', () => 'never')).toBe('of the first')
    })

    it('whose rebuild fails rejects with its error, and the next call rebuilds', async () => {
      const guard = newGuard()
      await expect(
        guard.get('k', () => {
          throw new Error('no database')
        }),
      ).rejects.toThrow('no database')
      expect(await guard.get('k', () => 'now')).toBe('now')
    })

    it('that was invalidated during its rebuild is not stored, nor returned later', async () => {
      const client = newClient()
      const guard = createStampedeGuard<string>({
        client,
        locks: createLocks({ client }),
        ttl: '1h',
      })
      let finishFirst!: () => void
      const firstFinishes = new Promise<void>((resolve) => {
        finishFirst = resolve
      })
      let rebuilds = 0
      let row = 'old'
      const rebuild = async (): Promise<string> => {
        rebuilds++
        const read = row
        if (rebuilds === 1) await firstFinishes
        return read
      }
      const early = guard.get('k', rebuild)
      await expect.poll(() => rebuilds).toBe(1)
      row = 'new'
      await client.entries.invalidate(['k'])
      const late = guard.get('k', rebuild)
      await new Promise((resolve) => setTimeout(resolve, 100))
      finishFirst()
      expect(await early).toBe('old')
      expect(await late).toBe('new')
      expect(await guard.get('k', rebuild)).toBe('new')
    })

    it('needs a valid key', async () => {
      const guard = newGuard()
      await expect(guard.get('', () => 1)).rejects.toBeInstanceOf(InvalidKeyError)
      await expect(guard.get('a\nb', () => 1)).rejects.toBeInstanceOf(InvalidKeyError)
      for (const key of ['{tag}:x', '*', 'a b', '😀', '__proto__'])
        expect(await guard.get(key, () => key)).toBe(key)
      for (const key of ['{tag}:x', '*', 'a b', '😀', '__proto__'])
        expect(await guard.get(key, () => 'other')).toBe(key)
    })
  })
})

describe.each(driverNames)('a guarded value on %s', (driver) => {
  it('is rebuilt while Redis is down, once per process and key', async () => {
    const server = await startRedis()
    await using connected = connect(driver, server.url)
    const { client } = connected
    await server.stop()
    const guard = createStampedeGuard<number>({
      client,
      locks: createLocks({ client, wait: 300 }),
      ttl: '1h',
    })
    let rebuilds = 0
    const results = await Promise.all(
      Array.from({ length: 20 }, () =>
        guard.get('k', async () => {
          await new Promise((resolve) => setTimeout(resolve, 50))
          return ++rebuilds
        }),
      ),
    )
    expect(new Set(results)).toEqual(new Set([1]))
    expect(rebuilds).toBe(1)
    const signals = new Set<AbortSignal>()
    for (const key of ['a', 'b'])
      await guard.get(key, ({ signal }) => (signals.add(signal), rebuilds))
    expect([...signals].map(({ aborted }) => aborted)).toEqual([false, false])
  })
})

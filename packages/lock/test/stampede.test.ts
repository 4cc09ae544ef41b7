import { InvalidKeyError } from '@cache/core'
import { startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createLocks, createStampedeGuard, type StampedeGuard } from '../src/index.js'
import { onEach } from './cases.js'
import { connect, driverNames } from './drivers.js'

onEach(({ newClient, ask }) => {
  const guard = (
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
    it('is rebuilt once, whoever asks, and stored under its own key as JSON', async () => {
      let rebuilds = 0
      const rebuild = async (): Promise<{ n: number }> => {
        rebuilds++
        await new Promise((resolve) => setTimeout(resolve, 100))
        return { n: rebuilds }
      }
      const guards = Array.from({ length: 5 }, () => guard())
      const got = await Promise.all(
        guards.flatMap((one) => Array.from({ length: 10 }, () => one.get('expensive:7', rebuild))),
      )
      expect(rebuilds).toBe(1)
      expect(got).toEqual(Array.from({ length: 50 }, () => ({ n: 1 })))
      expect(await ask('GET', 'expensive:7')).toBe('{"n":1}')
      expect(Number(await ask('PTTL', 'expensive:7'))).toBeGreaterThan(3_500_000)
    })

    it.each([[0], [''], [false], [null], [undefined], [[]]])(
      'that is %j is a value',
      async (value) => {
        let rebuilds = 0
        const one = guard()
        for (let i = 0; i < 3; i++)
          expect(
            await one.get(`falsy:${JSON.stringify(value)}`, () => {
              rebuilds++
              return value
            }),
          ).toEqual(value)
        expect(rebuilds).toBe(1)
      },
    )

    it('is rebuilt by the next one if its rebuilder died', async () => {
      const dying = newClient()
      let began!: () => void
      const begun = new Promise<void>((resolve) => {
        began = resolve
      })
      const dead = createStampedeGuard({
        client: dying,
        locks: createLocks({ client: dying, ttl: 500 }),
        ttl: '1h',
      }).get('k', () => {
        began()
        return new Promise(() => undefined)
      })
      dead.catch(() => undefined)
      await begun
      const waiting = guard().get('k', () => 'of the next')
      await dying.close()
      expect(await waiting).toBe('of the next')
      expect(await ask('GET', 'k')).toBe('"of the next"')
    })

    it('is rebuilt by who has waited long enough', async () => {
      let release!: (value: string) => void
      const slow = guard().get(
        'k',
        () =>
          new Promise<string>((resolve) => {
            release = resolve
          }),
      )
      await expect.poll(() => ask('EXISTS', 'shop:lock:k')).toBe(1)
      expect(await guard({ wait: 200 }).get('k', () => 'for oneself')).toBe('for oneself')
      release('of the first')
      expect(await slow).toBe('of the first')
      expect(await guard().get('k', () => 'never')).toBe('of the first')
    })

    it('whose rebuild fails rejects with its error, and is tried again', async () => {
      const one = guard()
      await expect(
        one.get('k', () => {
          throw new Error('no database')
        }),
      ).rejects.toThrow('no database')
      expect(await one.get('k', () => 'now')).toBe('now')
    })

    it('that was invalidated while it was rebuilt is not stored, and who asks later gets the new one', async () => {
      const client = newClient()
      const one = createStampedeGuard<string>({ client, locks: createLocks({ client }), ttl: '1h' })
      let release!: () => void
      const began = new Promise<void>((resolve) => {
        release = resolve
      })
      let rebuilds = 0
      let row = 'old'
      const rebuild = async (): Promise<string> => {
        rebuilds++
        const read = row
        if (rebuilds === 1) await began
        return read
      }
      const early = one.get('k', rebuild)
      await expect.poll(() => rebuilds).toBe(1)
      row = 'new'
      await client.entries.invalidate(['k'])
      const late = one.get('k', rebuild)
      await new Promise((resolve) => setTimeout(resolve, 100))
      release()
      expect(await early).toBe('old')
      expect(await late).toBe('new')
      expect(await one.get('k', rebuild)).toBe('new')
    })

    it('has a key that Redis takes', async () => {
      const one = guard()
      await expect(one.get('', () => 1)).rejects.toBeInstanceOf(InvalidKeyError)
      await expect(one.get('a\nb', () => 1)).rejects.toBeInstanceOf(InvalidKeyError)
      for (const key of ['{tag}:x', '*', 'a b', '😀', '__proto__'])
        expect(await one.get(key, () => key)).toBe(key)
      for (const key of ['{tag}:x', '*', 'a b', '😀', '__proto__'])
        expect(await one.get(key, () => 'other')).toBe(key)
    })
  })
})

describe.each(driverNames)('a guarded value on %s', (driver) => {
  it('comes from its rebuild with Redis down, once per process and key', async () => {
    const server = await startRedis()
    await using connected = connect(driver, server.url)
    const { client } = connected
    await server.stop()
    const one = createStampedeGuard<number>({
      client,
      locks: createLocks({ client, wait: 300 }),
      ttl: '1h',
    })
    let rebuilds = 0
    const got = await Promise.all(
      Array.from({ length: 20 }, () =>
        one.get('k', async () => {
          await new Promise((resolve) => setTimeout(resolve, 50))
          return ++rebuilds
        }),
      ),
    )
    expect(new Set(got)).toEqual(new Set([1]))
    expect(rebuilds).toBe(1)
  })
})

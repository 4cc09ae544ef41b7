import { CacheError, createCacheClient, type CacheClient, type Subscription } from '@cache/core'
import { describe, expect, it, vi } from 'vitest'
import { createLocks } from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { RepeatingClient } from './wrapped-clients.js'

const KEY = 'shop:lock:x'

onEveryDriver(({ newClient, ask }) => {
  /** A client whose messages are held back until `deliver`. */
  const newClientWithLateMessages = () => {
    const { driver } = newClient()
    const held: (() => void)[] = []
    const subscriptions: Promise<Subscription>[] = []
    const client = createCacheClient(
      {
        ...driver,
        subscribe: (names, listener) => {
          const message: typeof listener.message = (...args) =>
            void held.push(() => listener.message(...args))
          const subscription = driver.subscribe(names, { ...listener, message })
          subscriptions.push(subscription)
          return subscription
        },
      },
      { namespace: 'shop' },
    )
    return {
      client,
      held,
      subscribed: async () => {
        await vi.waitFor(() => expect(subscriptions).toHaveLength(1))
        await subscriptions[0]
      },
      deliver: () => held.splice(0).forEach((receive) => receive()),
    }
  }

  /** A client for which one script gets no reply while `silent` is set. */
  const withoutReplies = (client: CacheClient, scriptName: string) => {
    const run: CacheClient['run'] = (script, ...rest) =>
      wrapped.silent && script.name === scriptName
        ? Promise.reject(new CacheError('no reply', { code: 'TEST' }))
        : client.run(script, ...rest)
    const wrapped = { silent: false, client: { ...client, run } }
    return wrapped
  }

  describe('a lock that is handed over', () => {
    const waitersOf = (locks: ReturnType<typeof createLocks>, count: number) =>
      vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(count), {
        timeout: 10_000,
      })

    it('belongs to the waiter as soon as it is released, and soon has its whole ttl', async () => {
      await using locks = createLocks({ client: newClient(), label: 'first' })
      await using others = createLocks({ client: newClient(), label: 'second' })
      const lock = await locks.acquire('x')
      const waiting = others.acquire('x', { ttl: '10m', renew: false })
      await waitersOf(locks, 1)
      expect(await lock.release()).toBe(true)
      const holder = (await locks.inspect('x'))!
      expect(holder).toMatchObject({ label: 'second', waiting: 0 })
      const next = await waiting
      expect(next.fence).toBe(holder.fence)
      expect(next.fence).toBeGreaterThan(lock.fence)
      await vi.waitFor(() => expect(next.remaining).toBeGreaterThan(500_000), { timeout: 5_000 })
      expect(await ask('PTTL', KEY)).toBeGreaterThan(500_000)
      expect(await next.release()).toBe(true)
      expect(await locks.inspect('x')).toBeNull()
    })

    it('is not prolonged by copies of the requests with which its holder waited', async () => {
      await using locks = createLocks({ client: newClient() })
      const quiet = withoutReplies(newClient(), 'lock extend')
      quiet.silent = true
      const repeating = new RepeatingClient(quiet.client)
      await using others = createLocks({ client: repeating.client })
      const lock = await locks.acquire('x')
      const waiting = others.acquire('x', { ttl: '10m', renew: false })
      await waitersOf(locks, 1)
      await lock.release()
      const next = await waiting
      await repeating.repeat('lock acquire')
      expect(await ask('PTTL', KEY)).toBeLessThanOrEqual(3_000)
      expect(next.remaining).toBeLessThanOrEqual(3_000)
      expect(await next.release()).toBe(true)
    })

    it('is not held because of a message that comes after it has ended', async () => {
      await using locks = createLocks({ client: newClient() })
      const late = newClientWithLateMessages()
      const quiet = withoutReplies(late.client, 'lock acquire')
      await using others = createLocks({ client: quiet.client })
      const lock = await locks.acquire('x')
      let acquired = false
      const waiting = others.acquire('x', { wait: '1m' }).then((next) => {
        acquired = true
        return next
      })
      await waitersOf(locks, 1)
      await late.subscribed()
      quiet.silent = true
      await lock.release()
      await vi.waitFor(() => expect(late.held).toHaveLength(1))
      const current = await locks.acquire('x', { wait: '20s' }) // when the waiter counts as dead
      quiet.silent = false
      await waitersOf(locks, 1)
      late.deliver()
      // The waiter asks again, and learns that it has to wait.
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(acquired).toBe(false)
      current.assertHeld()
      expect(await current.release()).toBe(true)
      const next = await waiting
      expect(next.fence).toBeGreaterThan(current.fence)
      expect(await next.release()).toBe(true)
      await late.client.close()
    }, 30_000)
  })
})

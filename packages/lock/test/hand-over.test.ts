import { CacheError, createCacheClient, type CacheClient, type Subscription } from '@cache/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createLocks,
  createReadWriteLock,
  createSemaphore,
  type AcquireOptions,
  type Lock,
} from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { RepeatingClient } from './wrapped-clients.js'

/** A lock that one can hold. */
interface Exclusive extends AsyncDisposable {
  acquire(options?: AcquireOptions): Promise<Lock>
  waiting(): Promise<number>
}

const kinds = {
  lock: (client: CacheClient): Exclusive => {
    const locks = createLocks({ client })
    return {
      acquire: (options) => locks.acquire('x', options),
      waiting: async () => (await locks.inspect('x'))?.waiting ?? 0,
      [Symbol.asyncDispose]: () => locks.close(),
    }
  },
  permit: (client: CacheClient): Exclusive => {
    const semaphore = createSemaphore({ client, name: 'x', permits: 1 })
    return {
      acquire: semaphore.acquire,
      waiting: async () => (await semaphore.inspect()).waiting,
      [Symbol.asyncDispose]: () => semaphore.close(),
    }
  },
  'write lock': (client: CacheClient): Exclusive => {
    const lock = createReadWriteLock({ client, name: 'x' })
    return {
      acquire: lock.write.acquire,
      waiting: async () => (await lock.inspect()).waiting,
      [Symbol.asyncDispose]: () => lock.close(),
    }
  },
}
const KINDS = Object.keys(kinds) as (keyof typeof kinds)[]
const KEYS = { lock: 'shop:lock:x', permit: 'shop:semaphore:x', 'write lock': 'shop:rwlock:x' }
const SCRIPTS = { lock: 'lock', permit: 'permit', 'write lock': 'permit' }

onEveryDriver(({ newClient, ask, keys }) => {
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

  /** A client like that of another process: its releases do not wake the waiters of this one. */
  const newRemoteClient = (): CacheClient => {
    const client = newClient()
    const run: CacheClient['run'] = async (script, ...rest) => {
      const reply = await client.run(script, ...rest)
      return script.name.endsWith(' release') ? { ...reply, messages: [] } : reply
    }
    return { ...client, run }
  }

  describe.each(KINDS)('a %s that is handed over', (kind) => {
    const created: AsyncDisposable[] = []
    afterEach(async () => {
      for (const each of created.splice(0)) await each[Symbol.asyncDispose]()
    })
    const create = (client: CacheClient): Exclusive => {
      const made = kinds[kind](client)
      created.push(made)
      return made
    }
    const waitersOf = (locks: Exclusive, count: number) =>
      vi.waitFor(async () => expect(await locks.waiting()).toBe(count), { timeout: 10_000 })

    it('is held by the waiter as soon as it is released, and soon has its whole ttl', async () => {
      const [locks, others] = [create(newRemoteClient()), create(newClient())]
      const lock = await locks.acquire({ ttl: '1m' })
      const waiting = others.acquire({ ttl: '10m', renew: false })
      await waitersOf(locks, 1)
      expect(await lock.release()).toBe(true)
      const reserved = Number(await ask('PTTL', KEYS[kind]))
      expect(reserved).toBeGreaterThan(0)
      expect(await locks.waiting()).toBe(0)
      const next = await waiting
      expect(next.fence).toBeGreaterThan(lock.fence)
      await vi.waitFor(() => expect(next.remaining).toBeGreaterThan(500_000), { timeout: 5_000 })
      expect(await ask('PTTL', KEYS[kind])).toBeGreaterThan(500_000)
      expect(await next.release()).toBe(true)
      expect(await ask('EXISTS', KEYS[kind])).toBe(0)
    })

    it('is not prolonged by copies of the requests with which its holder waited', async () => {
      const locks = create(newRemoteClient())
      const quiet = withoutReplies(newClient(), `${SCRIPTS[kind]} extend`)
      quiet.silent = true
      const repeating = new RepeatingClient(quiet.client)
      const others = create(repeating.client)
      const lock = await locks.acquire({ ttl: '1m' })
      const waiting = others.acquire({ ttl: '10m', renew: false })
      await waitersOf(locks, 1)
      await lock.release()
      const next = await waiting
      await repeating.repeat(`${SCRIPTS[kind]} acquire`)
      expect(next.remaining).toBeLessThanOrEqual(3_000)
      expect(await ask('PTTL', KEYS[kind])).toBeLessThanOrEqual(3_000)
      expect(await next.release()).toBe(true)
    })

    it('is held without a message if it was released in the same process', async () => {
      const locks = create(newClient())
      const late = newClientWithLateMessages()
      const quiet = withoutReplies(late.client, `${SCRIPTS[kind]} acquire`)
      const others = create(quiet.client)
      const lock = await locks.acquire({ ttl: '1m' })
      const waiting = others.acquire({ wait: '1m' })
      await waitersOf(locks, 1)
      quiet.silent = true
      await lock.release()
      const next = await waiting
      expect(next.fence).toBeGreaterThan(lock.fence)
      late.deliver()
      next.assertHeld()
      expect(await next.release()).toBe(true)
      await others[Symbol.asyncDispose]()
      await late.client.close()
    })

    it('is held although the message comes before the reply that it is busy', async () => {
      const locks = create(newClient())
      const late = newClientWithLateMessages()
      let reply = Promise.resolve()
      const run: CacheClient['run'] = async (script, ...rest) => {
        const result = await late.client.run(script, ...rest)
        await reply
        return result
      }
      const quiet = withoutReplies({ ...late.client, run }, `${SCRIPTS[kind]} acquire`)
      const others = create(quiet.client)
      const first = await locks.acquire({ ttl: '1m' })
      const subscriber = others.acquire()
      await late.subscribed()
      await first.release()
      await (await subscriber).release()
      await vi.waitFor(() => expect(late.held).toHaveLength(1))
      late.deliver()

      const lock = await locks.acquire({ ttl: '1m' })
      let sendReply!: () => void
      reply = new Promise((resolve) => (sendReply = resolve))
      const waiting = others.acquire({ wait: '5s' })
      await waitersOf(locks, 1)
      await lock.release()
      await vi.waitFor(() => expect(late.held).toHaveLength(1))
      late.deliver()
      quiet.silent = true
      sendReply()
      const next = await waiting
      expect(next.fence).toBeGreaterThan(lock.fence)
      expect(await next.release()).toBe(true)
      await others[Symbol.asyncDispose]()
      await late.client.close()
    })

    it('is not held because of a message that comes after it has ended', async () => {
      const locks = create(newRemoteClient())
      const late = newClientWithLateMessages()
      const quiet = withoutReplies(late.client, `${SCRIPTS[kind]} acquire`)
      const others = create(quiet.client)
      const lock = await locks.acquire()
      let acquired = false
      const waiting = others.acquire({ wait: '1m' }).then((next) => {
        acquired = true
        return next
      })
      await waitersOf(locks, 1)
      await late.subscribed()
      quiet.silent = true
      await lock.release()
      await vi.waitFor(() => expect(late.held).toHaveLength(1))
      const current = await locks.acquire({ wait: '20s' }) // when the waiter counts as dead
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

  it('a permit that was handed over has a fence, although its details were lost', async () => {
    await using semaphore = createSemaphore({ client: newRemoteClient(), name: 'x', permits: 1 })
    const late = newClientWithLateMessages()
    await using others = createSemaphore({ client: late.client, name: 'x', permits: 1 })
    const permit = await semaphore.acquire()
    const waiting = others.acquire()
    await vi.waitFor(async () => expect((await semaphore.inspect()).waiting).toBe(1), {
      timeout: 10_000,
    })
    await permit.release()
    await ask(
      'DEL',
      (await keys()).find((key) => key.endsWith(':held'))!,
    )
    const next = await waiting
    expect(next.fence).toBeGreaterThan(permit.fence)
    await next.release()
    const last = await semaphore.acquire()
    expect(last.fence).toBeGreaterThan(next.fence)
    await last.release()
    await others.close()
    await late.client.close()
  })

  it('inspect shows the waiter as the holder of a lock right after its release', async () => {
    await using locks = createLocks({ client: newClient(), label: 'first' })
    await using others = createLocks({ client: newClient(), label: 'second' })
    const lock = await locks.acquire('x')
    const waiting = others.acquire('x')
    await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
      timeout: 10_000,
    })
    await lock.release()
    const holder = (await locks.inspect('x'))!
    expect(holder).toMatchObject({ label: 'second', waiting: 0 })
    const next = await waiting
    expect(next.fence).toBe(holder.fence)
    await next.release()
  })
})

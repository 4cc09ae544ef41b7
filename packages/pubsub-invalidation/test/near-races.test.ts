import type { CacheClient, Command } from '@cache/core'
import { createFormat, createToken } from '@cache/core/internal'
import { eventually, type Stage, sendAfter } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createInvalidationBus,
  createTrackingBus,
  withNearCache,
  type NearCacheClient,
} from '../src/index.js'
import { cases } from './cases.js'

const format = createFormat<string>()
const write = { ttl: 3_600_000 }
const key = 'shop:k'

/** What the process with the near cache does before it caches the reply. */
const operations: Readonly<
  Record<
    string,
    {
      readonly before?: (near: NearCacheClient, token: string) => Promise<unknown>
      readonly run: (near: NearCacheClient, token: string) => Promise<unknown>
    }
  >
> = {
  'a read': { run: ({ entries }) => entries.read(key, format) },
  'a request for a lease': {
    run: ({ entries }, token) => entries.lease(key, format, { token, ttl: 60_000 }),
  },
  'a fill': {
    before: async ({ entries }, token) => {
      await entries.lease(key, format, { token, ttl: 60_000, staleBelow: 'all', take: true })
    },
    run: ({ entries }, token) => entries.fill(key, format, token, 'old', write),
  },
  'a write that is overtaken': {
    before: ({ entries }, token) => entries.beginWrite([key], token, 60_000),
    run: ({ entries }, token) =>
      entries.commitWrite(key, token, { ...write, format, value: 'old' }),
  },
}

describe.each(cases.filter(({ topology }) => topology === 'standalone'))(
  'on $name',
  ({ start }) => {
    let stage: Stage<CacheClient>
    const cleanup: (() => unknown)[] = []
    beforeAll(async () => void (stage = await start()))
    afterAll(() => stage.stop())
    beforeEach(() => stage.flush())
    afterEach(async () => {
      for (const close of cleanup.splice(0).reverse()) await close()
    })

    /**
     * Creates what stands for a process. The test decides when its commands are executed, and when
     * its replies and messages arrive.
     */
    async function startControlled(kind: 'published' | 'tracked') {
      const client = stage.driver()
      const { driver } = client
      const sends: { execute(): Promise<void>; answer(): void }[] = []
      const messages: (() => void)[] = []
      const state = { holding: false, barrier: '' }
      const [send, subscribe] = [driver.send, driver.subscribe]
      Object.assign(driver, {
        send(commands: readonly Command[], options: { timeout?: number }) {
          if (!state.holding) return send(commands, options)
          const [executed, answered] = [gate(), gate()]
          const results = sendAfter(executed.passed, commands, () =>
            send(commands, { timeout: 60_000 }),
          )
          sends.push({
            execute: async () => {
              executed.open()
              await Promise.all(results)
            },
            answer: answered.open,
          })
          return sendAfter(answered.passed, commands, () => results)
        },
        subscribe: (
          channels: never,
          events: {
            message(channel: string, payload: string): void
            invalidated(keys: readonly string[]): void
          },
          options: never,
        ) =>
          subscribe(
            channels,
            {
              ...events,
              message: (channel: string, payload: string) => {
                messages.push(() => events.message(channel, payload))
                if (payload.includes('barrier')) state.barrier = payload
              },
              invalidated: (keys: readonly string[]) =>
                messages.push(() => events.invalidated(keys)),
            } as never,
            options,
          ),
      })
      const bus =
        kind === 'published'
          ? createInvalidationBus({ client })
          : createTrackingBus({ client, prefixes: ['shop:k'] })
      await bus.ready()
      const near = withNearCache(client, { bus })
      const elsewhere = stage.driver()
      const other =
        kind === 'published'
          ? createInvalidationBus({ client: elsewhere })
          : createTrackingBus({ client: elsewhere })
      await other.ready()
      cleanup.push(
        () => client.close(),
        () => elsewhere.close(),
        () => bus.close(),
        () => other.close(),
      )
      for (const { before, run } of Object.values(operations)) {
        // From now on the server knows the scripts.
        await before?.(near, 'token')
        await run(near, 'token')
        await near.entries.invalidate([key])
      }
      return {
        near,
        sends,
        state,
        other: withNearCache(elsewhere, { bus: other }),
        /** Waits until all messages so far have arrived in `messages`. */
        async collectMessages() {
          const mark = `barrier:${createToken()}`
          await other.publish({ groups: [mark] })
          await eventually(() => state.barrier.includes(mark), { every: 2 })
        },
        deliver: () => {
          for (const message of messages.splice(0)) message()
        },
        cached: () => near.entries.near!.get<string>(key, format)?.value,
      }
    }

    async function turn(): Promise<void> {
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
    }

    describe.each(['published', 'tracked'] as const)('invalidations are %s', (kind) => {
      it.each(Object.entries(operations))(
        '%s and an invalidation elsewhere: no old value is cached, in any order of their steps',
        async (_, { before, run }) => {
          const { near, other, sends, state, collectMessages, deliver, cached } =
            await startControlled(kind)
          for (const order of interleavings(['ask', 'execute', 'answer'], ['delete', 'message'])) {
            await other.entries.invalidate([key])
            await other.entries.put(key, format, 'old', write)
            await collectMessages()
            deliver()
            near.near.clear()
            const token = createToken()
            await before?.(near, token)
            if (before) {
              await collectMessages()
              deliver()
            }
            let working: Promise<unknown> = Promise.resolve()
            let messageArrived = false
            state.holding = true
            const steps: Record<string, () => unknown> = {
              ask: async () => {
                working = run(near, token)
                await turn()
              },
              execute: () => sends[0]!.execute(),
              answer: async () => {
                sends[0]!.answer()
                await working
              },
              delete: () => other.entries.put(key, format, 'new', write),
              message: async () => {
                await collectMessages()
                deliver()
                messageArrived = true
              },
            }
            const trace: string[] = []
            for (const step of order) {
              await steps[step]!()
              trace.push(`${step}: ${cached() ?? 'nothing'}`)
              if (messageArrived && cached() === 'old')
                throw new Error(`The old value is cached after the message: ${trace.join(', ')}`)
            }
            state.holding = false
            sends.length = 0
            await collectMessages()
            deliver()
            expect([undefined, 'new'], trace.join(', ')).toContain(cached())
            expect(near.near.stats().answering).toBe(true)
          }
        },
      )

      it('a read that begins after the message is cached', async () => {
        const { near, other, collectMessages, deliver, cached } = await startControlled(kind)
        await other.entries.put(key, format, 'new', write)
        await collectMessages()
        deliver()
        await near.entries.read(key, format)
        expect(cached()).toBe('new')
      })
    })

    it.each(Object.entries(operations))(
      '%s and an invalidation by this process: no old value is cached after it, in any order',
      async (name, { before, run }) => {
        const { near, other, sends, state, collectMessages, deliver, cached } =
          await startControlled('published')
        const orders = interleavings(
          ['ask', 'execute', 'answer'],
          ['delete', 'deleted', 'acknowledged'],
        )
        for (const order of name === 'a read' ? orders : orders.filter(isSequential)) {
          await other.entries.invalidate([key])
          await other.entries.put(key, format, 'old', write)
          await collectMessages()
          deliver()
          const token = createToken()
          await before?.(near, token)
          await collectMessages()
          deliver()
          // If the delete is first, the value is cached before it.
          if (order[0] === 'delete') await near.entries.read(key, format)
          state.holding = true
          let [working, deleting]: Promise<unknown>[] = []
          const firstIndex = sends.length
          const index: Record<string, number> = {}
          const begin = async (
            name: string,
            work: () => Promise<unknown>,
          ): Promise<Promise<unknown>[]> => {
            index[name] = firstIndex + Object.keys(index).length
            const started = work()
            await turn()
            return [started]
          }
          let done = false
          const steps: Record<string, () => unknown> = {
            ask: async () => {
              ;[working] = await begin('ask', () => run(near, token))
            },
            execute: () => sends[index.ask!]!.execute(),
            answer: async () => {
              sends[index.ask!]!.answer()
              await working
              await turn()
            },
            delete: async () => {
              ;[deleting] = await begin('delete', () => near.entries.invalidate([key]))
            },
            deleted: () => sends[index.delete!]!.execute(),
            acknowledged: async () => {
              sends[index.delete!]!.answer()
              await deleting
              done = true
              await turn()
            },
          }
          const trace: string[] = []
          for (const step of order) {
            await steps[step]!()
            trace.push(`${step}: ${cached() ?? 'nothing'}`)
            if (done) expect(cached(), trace.join(', ')).toBeUndefined()
          }
          state.holding = false
          sends.length = 0
          await collectMessages()
          deliver()
          expect(cached(), trace.join(', ')).toBeUndefined()
        }
      },
    )
  },
)

/**
 * Whether an order is possible for scripts: the call of a script is sent after the previous one on
 * its key has been answered.
 */
function isSequential(order: readonly string[]): boolean {
  const isBefore = (first: string, second: string): boolean =>
    order.indexOf(first) < order.indexOf(second)
  return isBefore('ask', 'delete')
    ? isBefore('answer', 'deleted')
    : isBefore('acknowledged', 'execute')
}

function gate(): { readonly passed: Promise<void>; open(): void } {
  let open!: () => void
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

function interleavings(a: readonly string[], b: readonly string[]): string[][] {
  if (a.length === 0 || b.length === 0) return [[...a, ...b]]
  return [
    ...interleavings(a.slice(1), b).map((rest) => [a[0]!, ...rest]),
    ...interleavings(a, b.slice(1)).map((rest) => [b[0]!, ...rest]),
  ]
}

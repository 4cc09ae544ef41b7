import type { CacheClient } from '@cache/core'
import { createFormat, createToken } from '@cache/core/internal'
import { eventually, type Stage } from '@cache/testkit'
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

/** What the process with the near cache does, before it keeps what came back. */
const works: Readonly<
  Record<
    string,
    {
      readonly before?: (near: NearCacheClient, token: string) => Promise<unknown>
      readonly does: (near: NearCacheClient, token: string) => Promise<unknown>
    }
  >
> = {
  'a read': { does: ({ entries }) => entries.read(key, format) },
  'the answer to who asks for a lease': {
    does: ({ entries }, token) => entries.lease(key, format, { token, ttl: 60_000 }),
  },
  'a fill': {
    before: async ({ entries }, token) => {
      await entries.lease(key, format, { token, ttl: 60_000, staleBelow: 'all', take: true })
    },
    does: ({ entries }, token) => entries.fill(key, format, token, 'old', write),
  },
  'a write that is overtaken': {
    before: ({ entries }, token) => entries.beginWrite([key], token, 60_000),
    does: ({ entries }, token) =>
      entries.commitWrite(key, token, { ...write, format, value: 'old' }),
  },
}

describe.each(cases.filter(({ topology }) => topology === 'standalone'))(
  'on $name',
  ({ start }) => {
    let stage: Stage<CacheClient>
    const closing: (() => unknown)[] = []
    beforeAll(async () => void (stage = await start()))
    afterAll(() => stage.stop())
    beforeEach(() => stage.flush())
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    /**
     * A process whose commands are executed, whose replies come and whose messages come when the
     * test says so.
     */
    async function held(kind: 'published' | 'tracked') {
      const client = stage.driver()
      const { driver } = client
      const lanes: { execute(): Promise<void>; answer(): void }[] = []
      const messages: (() => void)[] = []
      const state = { holding: false, barrier: '' }
      const [send, subscribe] = [driver.send, driver.subscribe]
      Object.assign(driver, {
        async send(commands: never, how: { timeout?: number }) {
          if (!state.holding) return send(commands, how)
          const [executed, answered] = [gate(), gate()]
          const reply = executed.passed.then(() => send(commands, { timeout: 60_000 }))
          lanes.push({
            execute: async () => {
              executed.open()
              await reply
            },
            answer: answered.open,
          })
          await answered.passed
          return reply
        },
        subscribe: (
          channels: never,
          on: {
            message(channel: string, payload: string): void
            invalidated(keys: readonly string[]): void
          },
          options: never,
        ) =>
          subscribe(
            channels,
            {
              ...on,
              message: (channel: string, payload: string) => {
                messages.push(() => on.message(channel, payload))
                if (payload.includes('barrier')) state.barrier = payload
              },
              invalidated: (keys: readonly string[]) => messages.push(() => on.invalidated(keys)),
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
      closing.push(
        () => client.close(),
        () => elsewhere.close(),
        () => bus.close(),
        () => other.close(),
      )
      for (const { before, does } of Object.values(works)) {
        // the server knows the scripts from now on
        await before?.(near, 'token')
        await does(near, 'token')
        await near.entries.invalidate([key])
      }
      return {
        near,
        lanes,
        state,
        other: withNearCache(elsewhere, { bus: other }),
        /** All messages so far have come, as far as to our hands. */
        async gathered() {
          const mark = `barrier:${createToken()}`
          await other.publish({ groups: [mark] })
          await eventually(() => state.barrier.includes(mark), { every: 2 })
        },
        deliver: () => {
          for (const message of messages.splice(0)) message()
        },
        kept: () => near.entries.near!.get<string>(key, format)?.value,
      }
    }

    async function turn(): Promise<void> {
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
    }

    describe.each(['published', 'tracked'] as const)('invalidations are %s', (kind) => {
      it.each(Object.entries(works))(
        '%s, and an invalidation elsewhere: nothing old is kept, whatever comes in whatever order',
        async (_, { before, does }) => {
          const { near, other, lanes, state, gathered, deliver, kept } = await held(kind)
          for (const order of interleavings(['ask', 'execute', 'answer'], ['delete', 'message'])) {
            await other.entries.invalidate([key])
            await other.entries.put(key, format, 'old', write)
            await gathered()
            deliver()
            near.near.clear()
            const token = createToken()
            await before?.(near, token)
            if (before) {
              await gathered()
              deliver()
            }
            let working: Promise<unknown> = Promise.resolve()
            let heard = false
            state.holding = true
            const steps: Record<string, () => unknown> = {
              ask: async () => {
                working = does(near, token)
                await turn()
              },
              execute: () => lanes[0]!.execute(),
              answer: async () => {
                lanes[0]!.answer()
                await working
              },
              delete: () => other.entries.put(key, format, 'new', write),
              message: async () => {
                await gathered()
                deliver()
                heard = true
              },
            }
            const said: string[] = []
            for (const step of order) {
              await steps[step]!()
              said.push(`${step}: ${kept() ?? 'nothing'}`)
              if (heard && kept() === 'old')
                throw new Error(`The old value is kept after the message: ${said.join(', ')}`)
            }
            state.holding = false
            lanes.length = 0
            await gathered()
            deliver()
            expect([undefined, 'new'], said.join(', ')).toContain(kept())
            expect(near.near.stats().answering).toBe(true)
          }
        },
      )

      it('a read that begins after the message is kept', async () => {
        const { near, other, gathered, deliver, kept } = await held(kind)
        await other.entries.put(key, format, 'new', write)
        await gathered()
        deliver()
        await near.entries.read(key, format)
        expect(kept()).toBe('new')
      })
    })

    it.each(Object.entries(works))(
      '%s, and an invalidation by this process: nothing old is kept once that is acknowledged, whatever comes in whatever order',
      async (name, { before, does }) => {
        const { near, other, lanes, state, gathered, deliver, kept } = await held('published')
        const orders = interleavings(
          ['ask', 'execute', 'answer'],
          ['delete', 'deleted', 'acknowledged'],
        )
        for (const order of name === 'a read' ? orders : orders.filter(areOneByOne)) {
          await other.entries.invalidate([key])
          await other.entries.put(key, format, 'old', write)
          await gathered()
          deliver()
          const token = createToken()
          await before?.(near, token)
          await gathered()
          deliver()
          if (order[0] === 'delete') await near.entries.read(key, format) // kept at first
          state.holding = true
          let [working, deleting]: Promise<unknown>[] = []
          const mine = lanes.length
          const place: Record<string, number> = {}
          const begin = async (
            name: string,
            work: () => Promise<unknown>,
          ): Promise<Promise<unknown>[]> => {
            place[name] = mine + Object.keys(place).length
            const begun = work()
            await turn()
            return [begun]
          }
          let done = false
          const steps: Record<string, () => unknown> = {
            ask: async () => {
              ;[working] = await begin('ask', () => does(near, token))
            },
            execute: () => lanes[place.ask!]!.execute(),
            answer: async () => {
              lanes[place.ask!]!.answer()
              await working
              await turn()
            },
            delete: async () => {
              ;[deleting] = await begin('delete', () => near.entries.invalidate([key]))
            },
            deleted: () => lanes[place.delete!]!.execute(),
            acknowledged: async () => {
              lanes[place.delete!]!.answer()
              await deleting
              done = true
              await turn()
            },
          }
          const said: string[] = []
          for (const step of order) {
            await steps[step]!()
            said.push(`${step}: ${kept() ?? 'nothing'}`)
            if (done) expect(kept(), said.join(', ')).toBeUndefined()
          }
          state.holding = false
          lanes.length = 0
          await gathered()
          deliver()
          expect(kept(), said.join(', ')).toBeUndefined()
        }
      },
    )
  },
)

/** A call of a script leaves once the one before it on its key has been answered. */
function areOneByOne(order: readonly string[]): boolean {
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

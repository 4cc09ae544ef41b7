import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { DeadLetterError, type PendingWrite } from '../src/index.js'
import type { Row } from './cases.js'
import { Setup, connect, findKey, clientKinds } from './setup.js'

type Write = PendingWrite<Row, string>
type Rows = ReturnType<Setup['rows']>

const SHORT_TIMEOUTS = {
  readTimeout: 200,
  writeTimeout: 200,
  breaker: { failures: 1_000, cooldown: 50 },
} as const

/** Interrupts a step. `begin` is called before the step is sent, and `end` afterwards. */
interface Interruption {
  readonly name: string
  begin(
    proxy: TcpProxy,
    redis: RedisServer,
  ): Promise<{
    /** Makes Redis reachable again. */
    end(): Promise<void>
    /** Delivers what was held back. */
    deliverLate?(): Promise<void>
  }>
}

const interruptions: readonly Interruption[] = [
  {
    name: 'its reply is lost',
    async begin(proxy) {
      const before = proxy.swallowed
      proxy.swallow('replies')
      return {
        async end() {
          await vi.waitFor(() => expect(proxy.swallowed).toBeGreaterThan(before), {
            timeout: 5_000,
            interval: 5,
          })
          await proxy.pass()
        },
      }
    },
  },
  {
    name: 'it arrives after it was sent again',
    async begin(proxy) {
      const held = proxy.hold()
      return {
        async end() {
          await vi.waitFor(() => expect(held.bytes).toBeGreaterThan(0), {
            timeout: 5_000,
            interval: 5,
          })
          await sleep(20)
          proxy.drop()
        },
        deliverLate: () => held.deliver(),
      }
    },
  },
  {
    name: 'the server stops for longer than the timeout',
    async begin(_, redis) {
      await redis.pause()
      return {
        async end() {
          await sleep(2 * SHORT_TIMEOUTS.writeTimeout)
          await redis.resume()
        },
      }
    },
  },
]

/** How often each value of an id may reach the database. */
type Counts = Readonly<
  Record<string, Readonly<Record<string, readonly [min: number, max: number]>>>
>

describe.each(clientKinds)('on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
    await loadScripts(kind, redis)
  })
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  describe.each(interruptions)('a step of a writer: $name', ({ begin }) => {
    /**
     * Interrupts a step. Afterwards another write is acknowledged, and then the late bytes arrive.
     * Resolves to the result of the step, `'acknowledged'` or `'rejected'`.
     */
    async function runInterrupted(
      proxy: TcpProxy,
      rows: Rows,
      step: () => Promise<unknown>,
    ): Promise<unknown> {
      const { end, deliverLate } = await begin(proxy, redis)
      const result = step().then(
        (answer) => answer ?? 'acknowledged',
        () => 'rejected',
      )
      await end()
      const outcome = await result
      await vi.waitFor(() => rows.put('later', { name: 'later' }), {
        timeout: 10_000,
        interval: 20,
      })
      await deliverLate?.()
      return outcome
    }

    /** Runs a scenario in which `rows` is interrupted and `undisturbed` is not. */
    async function runScenario(
      run: (rows: Rows, proxy: TcpProxy, undisturbed: Rows) => Promise<Counts>,
    ): Promise<void> {
      await using proxy = await startProxy(redis)
      await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
      await using direct = connect(kind, redis.url)
      await using setup = new Setup(client)
      await using otherSetup = new Setup(direct)
      const rows = setup.rows()
      const undisturbed = otherSetup.rows()
      await vi.waitFor(() => rows.put('first', { name: 'first' }), { timeout: 10_000 })
      const counts = await run(rows, proxy, undisturbed)
      const accepted: Write[] = []
      otherSetup.startWorker({ coalesce: false, flush: (writes) => void accepted.push(...writes) })
      const ids = ['first', 'later', ...Object.keys(counts)]
      await Promise.all(ids.map((id) => undisturbed.flushed(id)))
      await vi.waitFor(async () => expect((await undisturbed.pending()).writes).toBe(0), 5_000)
      for (const [id, values] of Object.entries(counts)) {
        const writes = accepted.filter((write) => write.id === id)
        const received = writes.map(({ value }) => String(value?.name ?? null))
        for (const [name, [min, max]] of Object.entries(values)) {
          const count = received.filter((value) => value === name).length
          expect(count, `${id}: ${name}`).toBeGreaterThanOrEqual(min)
          expect(count, `${id}: ${name}`).toBeLessThanOrEqual(max)
        }
        // No other values arrived, and these arrived in order.
        expect(received).toEqual(Object.keys(values).filter((name) => received.includes(name)))
      }
      for (const queue of [rows, undisturbed]) await queue.close()
    }

    const countRange = (outcome: unknown): readonly [number, number] => [
      outcome === 'rejected' ? 0 : 1,
      1,
    ]

    it('put and delete', () =>
      runScenario(async (rows, proxy, undisturbed) => {
        const put = await runInterrupted(proxy, rows, () => rows.put('1', { name: 'put' }))
        const removed = await runInterrupted(proxy, rows, () => rows.delete('1'))
        await undisturbed.put('1', { name: 'after' })
        return { 1: { put: countRange(put), null: countRange(removed), after: [1, 1] } }
      }))

    it('putMany', () =>
      runScenario(async (rows, proxy) => {
        const ids = ['a', 'b', 'c']
        const writes = ids.map((id) => [id, { name: 'put' }] as const)
        const put = await runInterrupted(proxy, rows, () => rows.putMany(writes))
        return Object.fromEntries(ids.map((id) => [id, { put: countRange(put) }]))
      }))

    it('replay and discard', () =>
      runScenario(async (rows, proxy, undisturbed) => {
        await using direct = connect(kind, redis.url)
        await using setup = new Setup(direct)
        await undisturbed.putMany([
          ['replay', { name: 'again' }],
          ['discard', { name: 'never' }],
        ])
        const { end } = setup.startWorker({
          retry: { attempts: 1 },
          flush: (writes) =>
            writes
              .filter(({ id }) => id === 'replay' || id === 'discard')
              .map(({ sequence }) => ({ sequence, error: new Error('no') })),
        })
        for (const id of ['replay', 'discard']) {
          await expect(undisturbed.flushed(id)).rejects.toBeInstanceOf(DeadLetterError)
        }
        await end()
        for (const step of ['replay', 'discard'] as const) {
          const { letter } = (await undisturbed.deadLetters.list()).find(({ id }) => id === step)!
          const answer = await runInterrupted(proxy, rows, () => rows.deadLetters[step](letter))
          const isListed = (await undisturbed.deadLetters.list()).some(
            (other) => other.letter === letter,
          )
          if (answer !== 'rejected') expect([answer, isListed]).toEqual([true, false])
          else if (isListed) expect(await undisturbed.deadLetters[step](letter)).toBe(true)
        }
        return { replay: { again: [1, 1] }, discard: {} }
      }))

    it('update: counted once if acknowledged, and otherwise at most once', async () => {
      await using proxy = await startProxy(redis)
      await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
      await using direct = connect(kind, redis.url)
      await using setup = new Setup(client)
      await using otherSetup = new Setup(direct)
      const rows = setup.rows()
      const counters = setup.counters()
      const undisturbed = otherSetup.counters()
      await vi.waitFor(() => rows.put('first', { name: 'first' }), { timeout: 10_000 })
      await undisturbed.update('1', 1)
      const outcome = await runInterrupted(proxy, rows, () => counters.update('1', 1))
      const count = (await undisturbed.get('1'))?.age
      if (outcome !== 'rejected') expect(count).toBe(2)
      else expect([1, 2]).toContain(count)
      await undisturbed.update('1', 1)
      expect((await undisturbed.get('1'))?.age).toBe(count! + 1)
      for (const queue of [rows, counters, undisturbed]) await queue.close()
    })
  })

  describe.each(interruptions)('a step of a worker: $name', ({ begin }) => {
    /** Runs a worker. Its next step is interrupted when `flush` or `validate` calls `interrupt`. */
    async function runScenario(
      {
        flush,
        validate,
      }: {
        flush: (writes: readonly Write[], interrupt: () => Promise<void>) => Promise<unknown>
        validate?: (interrupt: () => Promise<void>) => Promise<void>
      },
      check: (rows: Rows) => Promise<void>,
    ): Promise<void> {
      await using proxy = await startProxy(redis)
      await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
      await using direct = connect(kind, redis.url)
      await using setup = new Setup(client)
      await using otherSetup = new Setup(direct)
      const rows = otherSetup.rows()
      let ending: Promise<void> | undefined
      const interrupt = async (): Promise<void> => {
        if (ending) return
        const { end, deliverLate } = await begin(proxy, redis)
        ending = sleep(1)
          .then(end)
          .then(() => sleep(50))
          .then(deliverLate)
      }
      await rows.putMany([
        ['1', { name: 'one' }],
        ['2', { name: 'two' }],
      ])
      const schema = validate && {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: async (value: unknown) => {
            if ((value as Row).name !== 'two') return { value: value as Row }
            await validate(interrupt)
            return { issues: [{ message: 'unreadable' }] }
          },
        },
      }
      setup.startWorker({
        ownershipTtl: '20s',
        retry: { attempts: 2, backoff: 5 },
        flush: (writes) => flush(writes, interrupt) as Promise<undefined>,
        ...(schema && { schema }),
      })
      await vi.waitFor(() => expect(ending).toBeDefined(), 5_000)
      await ending
      await check(rows)
      await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 5_000)
      await rows.close()
    }

    it('a flushed write is removed from the queue, and flushed once', async () => {
      const flushed: string[] = []
      await runScenario(
        {
          flush: async (writes, interrupt) => {
            flushed.push(...writes.map(({ id }) => id))
            await interrupt()
          },
        },
        async (rows) => {
          await Promise.all([rows.flushed('1'), rows.flushed('2')])
          expect(flushed).toEqual(['1', '2'])
        },
      )
    })

    it('a failed attempt counts once', async () => {
      let refused = 0
      await runScenario(
        {
          flush: async (writes, interrupt) => {
            const bad = writes.filter(({ id }) => id === '2')
            if (bad.length > 0 && ++refused === 1) await interrupt()
            return bad.map(({ sequence }) => ({ sequence, error: new Error('no') }))
          },
        },
        async (rows) => {
          await rows.flushed('1')
          await expect(rows.flushed('2')).rejects.toBeInstanceOf(DeadLetterError)
          expect(refused).toBe(2)
          expect(await rows.deadLetters.list()).toMatchObject([{ id: '2', attempts: 2 }])
        },
      )
    })

    it('a write that cannot be decoded becomes one dead letter', async () => {
      await runScenario(
        { flush: async () => undefined, validate: (interrupt) => interrupt() },
        async (rows) => {
          await rows.flushed('1')
          await expect(rows.flushed('2')).rejects.toBeInstanceOf(DeadLetterError)
          expect(await rows.deadLetters.list()).toHaveLength(1)
          expect(await rows.deadLetters.discard((await rows.deadLetters.list())[0]!.letter)).toBe(
            true,
          )
          await rows.flushed('2')
        },
      )
    })
  })

  it.each(['confirmation', 'failed attempt'])(
    'a %s that arrives after the partition has another owner changes nothing',
    async (step) => {
      await using proxy = await startProxy(redis)
      await using proxiedClient = connect(kind, proxy.url, SHORT_TIMEOUTS)
      await using client = connect(kind, redis.url)
      await using proxiedSetup = new Setup(proxiedClient)
      await using setup = new Setup(client)
      const rows = setup.rows()
      await rows.put('1', { name: 'one' })
      let held: ReturnType<TcpProxy['hold']> | undefined
      const first = proxiedSetup.startWorker({
        ownershipTtl: '600ms',
        flush: async ([write]) => {
          held ??= proxy.hold()
          return step === 'confirmation'
            ? undefined
            : [{ sequence: write!.sequence, error: new Error('no') }]
        },
      })
      await vi.waitFor(() => expect(held?.bytes).toBeGreaterThan(0), {
        timeout: 5_000,
        interval: 5,
      })
      await proxy.cut()
      await vi.waitFor(() => expect(first.worker.partitions).toEqual([]), {
        timeout: 5_000,
        interval: 20,
      })
      const second = setup.startWorker({ ownershipTtl: '600ms' })
      await rows.flushed('1')
      await second.end()
      await rows.put('1', { name: 'two' })
      const before = await partitionState(redis)
      await held!.deliver()
      expect(await partitionState(redis)).toEqual(before)
      expect(await rows.get('1')).toEqual({ name: 'two' })
      await rows.close()
    },
  )
})

/** Loads all scripts into the server, so that each step is one command. */
async function loadScripts(kind: (typeof clientKinds)[number], redis: RedisServer): Promise<void> {
  await using client = connect(kind, redis.url)
  await using setup = new Setup(client)
  const rows = setup.rows()
  await setup.counters().update('good', 1)
  await rows.delete('bad')
  await rows.put('worse', { name: 'worse' })
  setup.startWorker({
    retry: { attempts: 1 },
    flush: (writes) =>
      writes.filter(({ id }) => id !== 'good').map(({ id }) => ({ id, error: new Error('no') })),
  })
  await rows.flushed('good')
  for (const id of ['bad', 'worse'])
    await expect(rows.flushed(id)).rejects.toBeInstanceOf(DeadLetterError)
  const [first, second] = await rows.deadLetters.list()
  await rows.deadLetters.discard(first!.letter)
  await rows.deadLetters.replay(second!.letter)
  await rows.close()
}

/** Returns the contents of the partition, except for its owner. */
async function partitionState(redis: RedisServer): Promise<unknown> {
  const [stream, pending] = [await findKey(redis, 'stream'), await findKey(redis, 'pending')]
  return [
    await redis.cli('XRANGE', stream, '-', '+'),
    await redis.cli('HGETALL', pending),
    await findKey(redis, 'attempts'),
    await findKey(redis, 'dead'),
  ]
}

import { createHook } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Deadlines } from '../src/util/deadlines.js'

const RUNS = process.env.CHAOS ? 200 : 12

/**
 * A deadline that is set `at` ms after the start, and expires after `after` ms. `doneAt` is the
 * time in ms after the start at which it is done before that, if it is.
 */
const plan = fc.record({
  at: fc.nat({ max: 40 }),
  after: fc.integer({ min: 1, max: 60 }),
  doneAt: fc.option(fc.nat({ max: 120 })),
})
const plans = fc.array(
  fc.oneof(
    plan,
    plan.map((each) => ({ ...each, after: 1 + 20 * (each.after % 3) })),
  ),
  { minLength: 20, maxLength: 300 },
)

interface Watched {
  readonly at: number
  readonly after: number
  deadline: ReturnType<Deadlines['set']>
  firedAt: number | undefined
  fired: number
  doneAt: number | undefined
}

describe('Deadlines', () => {
  it('fire once and never early, unless they are done before', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (all) => {
        const deadlines = new Deadlines()
        const watched: Watched[] = []
        await Promise.all(
          all.map(async ({ at, after, doneAt }) => {
            await sleep(at)
            const one: Watched = {
              at: performance.now(),
              after,
              deadline: undefined as never,
              firedAt: undefined,
              fired: 0,
              doneAt: undefined,
            }
            one.deadline = deadlines.set(after, () => {
              one.fired++
              one.firedAt = performance.now()
            })
            watched.push(one)
            if (doneAt === null) return
            await sleep(Math.max(0, doneAt - at))
            if (one.fired > 0) return
            deadlines.done(one.deadline)
            one.doneAt = performance.now()
          }),
        )
        await vi.waitFor(
          () =>
            expect(
              watched.filter(({ fired, doneAt }) => fired === 0 && doneAt === undefined),
            ).toEqual([]),
          { timeout: 10_000, interval: 5 },
        )
        await sleep(70)
        expect(
          watched.filter(({ at, after, firedAt }) => firedAt !== undefined && firedAt < at + after),
        ).toEqual([])
        expect(
          watched.filter(({ fired, doneAt }) => fired !== (doneAt === undefined ? 1 : 0)),
        ).toEqual([])
      }),
      { numRuns: RUNS },
    )
  })

  it('of one length expire in the order in which they were set', async () => {
    const deadlines = new Deadlines()
    const order: number[] = []
    for (let i = 0; i < 1_000; i++) {
      deadlines.set(20, () => order.push(i))
      if (i % 100 === 0) await sleep(1)
    }
    await vi.waitFor(() => expect(order).toHaveLength(1_000), { timeout: 10_000 })
    expect(order).toEqual([...order].sort((a, b) => a - b))
  })

  it('can be set while another one expires', async () => {
    const deadlines = new Deadlines()
    let rounds = 0
    const again = (): void => {
      if (++rounds < 10) deadlines.set(5, again)
    }
    deadlines.set(5, again)
    await vi.waitFor(() => expect(rounds).toBe(10), { timeout: 10_000 })
    await sleep(20)
    expect(rounds).toBe(10)
  })

  it('longer than the longest timer of Node.js wait', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    const deadlines = new Deadlines()
    let fired = 0
    for (const ms of [2 ** 31 - 1, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER])
      deadlines.set(ms, () => fired++)
    await sleep(50)
    process.off('warning', warned)
    expect(fired).toBe(0)
    expect(warned).not.toHaveBeenCalled()
  })

  it('share one timer', () => {
    let timers = 0
    const hook = createHook({
      init: (_, type) => {
        if (type === 'Timeout') timers++
      },
    }).enable()
    const deadlines = new Deadlines()
    for (let i = 0; i < 10_000; i++) deadlines.done(deadlines.set(1_000, () => undefined))
    hook.disable()
    expect(timers).toBe(1)
  })
})

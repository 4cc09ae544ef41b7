import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { LockScenario, WAIT } from './scenario.js'
import type { LockStage, Network } from './stage.js'

export { runContender, type ContenderLink } from './contender.js'
export type { ContenderProcess, LockStage, Network } from './stage.js'

/** The functions of a test runner that `runLockTests` needs: vitest, node:test, jest, mocha. */
export interface Runner {
  describe(name: string, body: () => void): unknown
  it(name: string, test: () => Promise<void>): unknown
}

export interface LockTestsOptions {
  /** In ms: the ttl of the locks. It must be long enough for the machine. Default 1 000. */
  readonly ttl?: number
  /** In ms: the longest time between two attempts of a waiter that is not woken. Default 1 000. */
  readonly poll?: number
  /**
   * Whether the locks stay exclusive after `flush` or `restart` made a server lose its data. Locks
   * over a majority do. Default false.
   */
  readonly survivesLoss?: boolean
  /** In ms: how long to wait for an expected event before the test fails. Default 20 000. */
  readonly patience?: number
}

/**
 * Defines the fault tests for an implementation of `Locks`.
 *
 * If they pass, the following holds, whatever is paused, killed, cut off or silent:
 *
 * - No two processes believe at the same time that they hold the lock.
 * - A holder learns of its loss before another has the lock.
 * - Fences rise, so that a store that checks them loses no update, even if Redis loses its data.
 *
 * Contenders are processes on one machine that call `runContender`.
 *
 * @example
 * import { describe, it } from 'vitest'
 * runLockTests(makeStage, { describe, it })
 */
export function runLockTests(
  makeStage: () => Promise<LockStage>,
  { describe, it }: Runner,
  { ttl = 1_000, poll = 1_000, survivesLoss = false, patience = 20_000 }: LockTestsOptions = {},
): void {
  const test = (name: string, body: (scenario: LockScenario) => Promise<void>): unknown =>
    it(name, async () => {
      await using stage = await makeStage()
      const scenario = new LockScenario(stage, ttl, patience)
      await scenario.start()
      await body(scenario)
    })

  describe('mutual exclusion', () => {
    test('holds while all contenders compete repeatedly', async (scenario) => {
      const { history } = scenario
      await scenario.contend(CONTENTION)
      for (const i of scenario.contenders.keys())
        await history.waitFor(`contender ${i} holding it once`, () =>
          history.attempts.some(
            ({ contender, firstHeldAt }) => contender === i && firstHeldAt !== undefined,
          ),
        )
      await scenario.stop()
      history.assertExclusive()
      history.assertFencesRise()
      history.assertNoLostUpdate()
    })

    test('refuses the others within their wait, and the holder keeps it', async (scenario) => {
      await scenario.acquire(0)
      scenario.send(1, { do: 'hold', id: 1, name: scenario.name, ttl, wait: 200 })
      assert.equal(await scenario.waitForRefusal(1), 'LockTimeoutError')
      await sleep(1.5 * ttl) // the lock is renewed
      assert.equal(scenario.attempt(0).lostAt, undefined)
      await scenario.release(0)
      await scenario.acquire(1, 2)
      scenario.history.assertExclusive()
    })
  })

  describe('a holder', () => {
    test('that is stopped (SIGSTOP) past its ttl knows it when it resumes', async (scenario) => {
      const { history } = scenario
      await scenario.acquire(0)
      scenario.contenders[0]!.process.pause()
      await scenario.acquire(1)
      await sleep(ttl / 2)
      scenario.contenders[0]!.process.resume()
      await scenario.waitForLoss(0)
      await history.waitFor('the end of the stopped holder', () => scenario.attempt(0).endedAt)
      await scenario.assertStillHolds(1)
      history.assertExclusive()
      history.assertFencesRise()
    })

    test('that is killed (SIGKILL) has a successor within ttl and poll', async (scenario) => {
      await scenario.acquire(0)
      const next = scenario.acquire(1) // it waits already, and nobody wakes it
      await sleep(ttl / 2)
      await scenario.contenders[0]!.process.kill()
      const { acquiredAt } = await next
      const free = (acquiredAt! - scenario.attempt(0).lastHeldAt!) / 1_000
      assert.ok(free <= ttl + poll + SLACK, `${free} ms after the killed holder last held it`)
      scenario.history.assertExclusive()
      scenario.history.assertFencesRise()
    })

    test('that blocks its event loop past its ttl knows it right after', async (scenario) => {
      const { history, name } = scenario
      scenario.send(0, { do: 'hold', id: 1, name, ttl, wait: WAIT, block: 2 * ttl })
      await history.waitFor('a holder', () => history.attempt(0, 1)?.acquiredAt)
      await scenario.acquire(1)
      const { firstHeldAt } = await scenario.waitForLoss(0)
      assert.equal(firstHeldAt, undefined, 'assertHeld() returned after the ttl had passed')
      await scenario.assertStillHolds(1)
      history.assertExclusive()
    })

    for (const [fault, inject] of FAULTS) {
      test(`knows of its loss before another has the lock, if ${fault}`, async (scenario) => {
        const { network } = scenario.contenders[0]!
        await scenario.acquire(0)
        await inject(network)
        const { acquiredAt } = await scenario.acquire(1)
        const { lastHeldAt, abortedAt, pause } = await scenario.waitForLoss(0)
        assert.ok(
          lastHeldAt! < acquiredAt!,
          `assertHeld() returned ${lastHeldAt! - acquiredAt!} µs after another had the lock`,
        )
        // A signal cannot reach a process that does not run. It must then abort as soon as the
        // process runs again.
        assert.ok(
          abortedAt! < acquiredAt! ||
            (pause !== undefined && pause.from < acquiredAt! && abortedAt! <= pause.to + AT_ONCE),
          `the signal aborted ${abortedAt! - acquiredAt!} µs after another had the lock`,
        )
        await network.pass()
        await scenario.assertStillHolds(1)
        await scenario.release(1)
        await scenario.acquire(0, 2)
        scenario.history.assertExclusive()
        scenario.history.assertFencesRise()
      })
    }
  })

  describe('a request', () => {
    test('without a reply blocks the lock for at most its ttl', async (scenario) => {
      const { network } = scenario.contenders[0]!
      await scenario.acquire(0)
      await scenario.release(0) // the contender is connected
      network.swallow('replies')
      scenario.send(0, { do: 'hold', id: 2, name: scenario.name, ttl, wait: ttl / 2 })
      await scenario.waitForRefusal(0, 2)
      await scenario.acquire(1)
      await network.pass()
      await scenario.release(1)
      await scenario.acquire(0, 3)
      scenario.history.assertExclusive()
    })

    test('with a late reply never yields a lock that has expired', async (scenario) => {
      const { history } = scenario
      const { network } = scenario.contenders[0]!
      await scenario.acquire(0)
      await scenario.release(0)
      network.swallow('replies')
      scenario.send(0, { do: 'hold', id: 2, name: scenario.name, ttl, wait: WAIT })
      await sleep(ttl * 1.5)
      await network.pass()
      const { firstHeldAt, acquiredAt } = await history.waitFor('the lock', () => {
        const attempt = history.attempt(0, 2)
        return attempt?.firstHeldAt !== undefined && attempt
      })
      assert.ok(firstHeldAt! >= acquiredAt!)
      await scenario.release(0, 2)
      await scenario.acquire(1)
      history.assertExclusive()
      history.assertFencesRise()
    })

    test('that arrives late takes neither a free lock nor a held one', async (scenario) => {
      const { keepBack } = scenario.contenders[0]!.network
      if (!keepBack) return
      await scenario.acquire(0)
      await scenario.release(0) // the contender is connected
      const deliver = keepBack()
      await scenario.acquire(0, 2, LONG * ttl)
      await scenario.release(0, 2)
      await deliver()
      const startedAt = performance.now()
      await scenario.acquire(1)
      const took = performance.now() - startedAt
      assert.ok(took < (LONG / 2) * ttl, `the lock had no holder, and was blocked for ${took} ms`)
      const deliverRelease = keepBack()
      scenario.send(0, { do: 'hold', id: 3, name: scenario.name, ttl, wait: ttl / 2 })
      await scenario.waitForRefusal(0, 3)
      await deliverRelease()
      await scenario.assertStillHolds(1)
      await scenario.release(1)
      await scenario.acquire(2)
      scenario.history.assertExclusive()
      scenario.history.assertFencesRise()
    })
  })

  describe('a server that loses its data', () => {
    for (const [event, loseData] of [
      ['FLUSHALL', (stage: LockStage) => stage.flush()],
      ['a restart', (stage: LockStage) => stage.restart()],
    ] as const) {
      test(`by ${event}: fences rise, and their store loses no update`, async (scenario) => {
        const { history } = scenario
        await scenario.contend(CONTENTION)
        for (let i = 0; i < 3; i++) {
          await loseData(scenario.stage)
          await sleep(CONTENTION / 2)
        }
        const before = history.attempts.length
        await history.waitFor(
          'more holders',
          () =>
            history.attempts.filter(({ firstHeldAt }) => firstHeldAt !== undefined).length >
            before + 3,
        )
        await scenario.stop()
        history.assertFencesRise()
        history.assertNoLostUpdate()
        if (survivesLoss) history.assertExclusive()
      })
    }

    test('takes the lock from its holder, which learns it within its ttl', async (scenario) => {
      await scenario.acquire(0)
      await scenario.stage.flush()
      if (survivesLoss) {
        scenario.send(1, { do: 'hold', id: 1, name: scenario.name, ttl, wait: 1.5 * ttl })
        await scenario.waitForRefusal(1)
        assert.equal(scenario.attempt(0).lostAt, undefined)
      } else {
        await scenario.waitForLoss(0)
        const { lostAt, lastHeldAt, abortedAt } = scenario.attempt(0)
        assert.ok(lostAt !== undefined && abortedAt !== undefined && lostAt > lastHeldAt!)
        await scenario.acquire(1)
      }
    })
  })
}

const FAULTS: readonly [string, (network: Network) => Promise<void> | void][] = [
  ['its connection is cut', (network) => network.cut()],
  ['replies vanish', (network) => network.swallow('replies')],
  ['packets vanish both ways', (network) => network.swallow('both')],
]

/** A ttl this many times as long shows whether a late request leaves a lock without a holder. */
const LONG = 10

/** In ms: long enough for many holders. */
const CONTENTION = 600

/** In µs. */
const AT_ONCE = 5_000

/** In ms: for a machine that is busy with other tests. */
const SLACK = 500

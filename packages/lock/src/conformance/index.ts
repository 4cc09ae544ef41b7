import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Order } from './messages.js'
import { Witness, type ContenderProcess, type Holding } from './witness.js'

export { runContender, type ContenderLink } from './contender.js'
export type { ContenderProcess } from './witness.js'

/** What `runLockTests` needs of a test runner: vitest, node:test, jest and mocha have it. */
export interface Runner {
  describe(name: string, body: () => void): unknown
  it(name: string, test: () => Promise<void>): unknown
}

/** What lies between one contender and its servers. */
export interface Network {
  /** Ends its connections, and refuses new ones. */
  cut(): Promise<void>
  /** From now on bytes vanish while the connections stay open. */
  swallow(direction: 'replies' | 'both'): void
  /**
   * The next request on each connection that is open now is kept back, and the connection then ends
   * for the contender; new ones work. What it returns hands those requests to the servers, late,
   * and resolves when they were executed. Without it, what needs it is not tested.
   */
  keepBack?(): () => Promise<void>
  /** Back to normal. */
  pass(): Promise<void>
}

/**
 * Contenders in processes of their own, and the servers on which they contend: running, and
 * reachable. Tests may be given the same ones, one after the other.
 */
export interface LockStage extends AsyncDisposable {
  /** At least three. */
  readonly contenders: readonly { readonly process: ContenderProcess; readonly network: Network }[]
  /** FLUSHALL; of independent servers, on one. */
  flush(): Promise<void>
  /** Ends a server and starts it again without its data; of independent ones, one. */
  restart(): Promise<void>
}

export interface LockTestsOptions {
  /** Ms, of the locks in the tests: long enough for the machine they run on. Default 1 000. */
  readonly ttl?: number
  /** Ms, at most, between two questions of a waiter whom nobody wakes. Default 1 000. */
  readonly poll?: number
  /**
   * Whether the locks stay exclusive when `flush` or `restart` made a server forget: over a
   * majority they do. Default false.
   */
  readonly survivesLoss?: boolean
  /** Ms to wait for what must happen before a test fails. Default 20 000. */
  readonly patience?: number
}

/**
 * The fault suite for any implementation of `Locks`. When it is green: no two processes are told at
 * one time that they hold the lock, whatever is paused, killed, cut off or silent; a holder learns
 * of its loss before another has the lock; fences rise, so that a store that checks them loses no
 * update, even when Redis forgets everything.
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
  const check = (name: string, test: (scene: Scene) => Promise<void>): unknown =>
    it(name, async () => {
      await using stage = await makeStage()
      const scene = new Scene(stage, ttl, patience)
      await scene.witness.until('contenders', () => scene.witness.ready === stage.contenders.length)
      await test(scene)
    })

  describe('held by one at a time', () => {
    check('when all ask at once, again and again', async (scene) => {
      await scene.contend(CONTENTION)
      for (const i of scene.contenders.keys())
        await scene.witness.until(`contender ${i} holding it once`, () =>
          scene.witness.holdings.some(
            ({ contender, first }) => contender === i && first !== undefined,
          ),
        )
      await scene.stop()
      scene.witness.assertExclusive()
      scene.witness.assertFencesRise()
      scene.witness.assertNoLostUpdate()
    })

    check(
      'when the others give up: they are refused within their wait, and the holder keeps it',
      async (scene) => {
        await scene.holds(0)
        scene.order(1, { do: 'hold', id: 1, name: scene.name, ttl, wait: 200 })
        const refused = await scene.witness.until(
          'a refusal',
          () => scene.witness.holding(1, 1)?.refused,
        )
        assert.equal(refused, 'LockTimeoutError')
        await sleep(1.5 * ttl) // it is renewed
        assert.equal(scene.holding(0).lost, undefined)
        await scene.releases(0)
        await scene.holds(1, 2)
        scene.witness.assertExclusive()
      },
    )
  })

  describe('a holder', () => {
    check('that is stopped (SIGSTOP) past its ttl knows so when it goes on', async (scene) => {
      await scene.holds(0)
      scene.contenders[0]!.process.pause()
      await scene.holds(1)
      await sleep(ttl / 2)
      scene.contenders[0]!.process.resume()
      await scene.loses(0)
      await scene.witness.until('the end of the one that was stopped', () => scene.holding(0).ended)
      await scene.stillHolds(1)
      scene.witness.assertExclusive()
      scene.witness.assertFencesRise()
    })

    check(
      'that is killed (SIGKILL) is followed by another, within its ttl and one poll',
      async (scene) => {
        await scene.holds(0)
        const next = scene.holds(1) // it waits already: nobody else will wake it
        await sleep(ttl / 2)
        await scene.contenders[0]!.process.kill()
        const { acquired } = await next
        const free = (acquired! - scene.holding(0).last!) / 1_000
        assert.ok(
          free <= ttl + poll + SLACK,
          `${free} ms after the last sign of the one that was killed`,
        )
        scene.witness.assertExclusive()
        scene.witness.assertFencesRise()
      },
    )

    check(
      'that blocks its event loop past its ttl knows so at the first line after',
      async (scene) => {
        scene.order(0, { do: 'hold', id: 1, name: scene.name, ttl, wait: WAIT, block: 2 * ttl })
        await scene.witness.until('a holder', () => scene.witness.holding(0, 1)?.acquired)
        await scene.holds(1)
        const { first } = await scene.loses(0)
        assert.equal(first, undefined, 'assertHeld() returned after the ttl had passed')
        await scene.stillHolds(1)
        scene.witness.assertExclusive()
      },
    )

    for (const [how, fail] of FAULTS) {
      check(`whose ${how} is told so before another has the lock`, async (scene) => {
        await scene.holds(0)
        await fail(scene.contenders[0]!.network)
        const { acquired } = await scene.holds(1)
        const { last, aborted, asleep } = await scene.loses(0)
        // No signal reaches a process that does not run, but it must be the first that it hears of
        // when it goes on.
        const told =
          aborted! < acquired! ||
          (asleep !== undefined && asleep.from < acquired! && aborted! <= asleep.to + AT_ONCE)
        assert.ok(
          last! < acquired!,
          `assertHeld() returned ${last! - acquired!} µs after another had the lock`,
        )
        assert.ok(told, `the signal aborted ${aborted! - acquired!} µs after another had the lock`)
        await scene.contenders[0]!.network.pass()
        await scene.stillHolds(1)
        await scene.releases(1)
        await scene.holds(0, 2)
        scene.witness.assertExclusive()
        scene.witness.assertFencesRise()
      })
    }
  })

  describe('who asks', () => {
    check('and gets no reply keeps nobody from the lock for longer than its ttl', async (scene) => {
      await scene.holds(0)
      await scene.releases(0) // it is connected
      scene.contenders[0]!.network.swallow('replies')
      scene.order(0, { do: 'hold', id: 2, name: scene.name, ttl, wait: ttl / 2 })
      await scene.witness.until('a refusal', () => scene.witness.holding(0, 2)?.refused)
      await scene.holds(1)
      await scene.contenders[0]!.network.pass()
      await scene.releases(1)
      await scene.holds(0, 3)
      scene.witness.assertExclusive()
    })

    check(
      'and gets its reply late has the lock, or has not, but never one that has passed',
      async (scene) => {
        await scene.holds(0)
        await scene.releases(0)
        scene.contenders[0]!.network.swallow('replies')
        scene.order(0, { do: 'hold', id: 2, name: scene.name, ttl, wait: WAIT })
        await sleep(ttl * 1.5)
        await scene.contenders[0]!.network.pass()
        const { first, acquired } = await scene.witness.until(
          'the lock',
          () => scene.witness.holding(0, 2)?.first !== undefined && scene.witness.holding(0, 2),
        )
        assert.ok(first! >= acquired!)
        await scene.releases(0, 2)
        await scene.holds(1)
        scene.witness.assertExclusive()
        scene.witness.assertFencesRise()
      },
    )
  })

  describe('a request that arrives late', () => {
    check(
      'after the lock was released takes it for nobody, and after another has it takes nothing from that one',
      async (scene) => {
        const { keepBack } = scene.contenders[0]!.network
        if (!keepBack) return
        await scene.holds(0)
        await scene.releases(0) // it is connected
        const deliver = keepBack()
        await scene.holds(0, 2, LONG * ttl)
        await scene.releases(0, 2)
        await deliver()
        const asked = performance.now()
        await scene.holds(1)
        const took = performance.now() - asked
        assert.ok(
          took < (LONG / 2) * ttl,
          `nobody held it, and it was not to be had for ${took} ms`,
        )
        const deliverRelease = keepBack()
        scene.order(0, { do: 'hold', id: 3, name: scene.name, ttl, wait: ttl / 2 })
        await scene.witness.until('a refusal', () => scene.witness.holding(0, 3)?.refused)
        await deliverRelease()
        await scene.stillHolds(1)
        await scene.releases(1)
        await scene.holds(2)
        scene.witness.assertExclusive()
        scene.witness.assertFencesRise()
      },
    )
  })

  describe('a server that forgets everything', () => {
    for (const [how, forget] of [
      ['FLUSHALL', (stage: LockStage) => stage.flush()],
      ['a restart', (stage: LockStage) => stage.restart()],
    ] as const) {
      check(
        `by ${how}: fences rise, and a store that checks them loses no update`,
        async (scene) => {
          await scene.contend(CONTENTION)
          for (let i = 0; i < 3; i++) {
            await forget(scene.stage)
            await sleep(CONTENTION / 2)
          }
          const before = scene.witness.holdings.length
          await scene.witness.until(
            'more holders',
            () =>
              scene.witness.holdings.filter(({ first }) => first !== undefined).length > before + 3,
          )
          await scene.stop()
          scene.witness.assertFencesRise()
          scene.witness.assertNoLostUpdate()
          if (survivesLoss) scene.witness.assertExclusive()
        },
      )
    }

    check('takes the lock from its holder, who is told so within its ttl', async (scene) => {
      await scene.holds(0)
      await scene.stage.flush()
      if (survivesLoss) {
        scene.order(1, { do: 'hold', id: 1, name: scene.name, ttl, wait: 1.5 * ttl })
        await scene.witness.until('a refusal', () => scene.witness.holding(1, 1)?.refused)
        assert.equal(scene.holding(0).lost, undefined)
      } else {
        await scene.loses(0)
        const { lost, last, aborted } = scene.holding(0)
        assert.ok(lost !== undefined && aborted !== undefined && lost > last!)
        await scene.holds(1)
      }
    })
  })
}

const FAULTS: readonly [string, (network: Network) => Promise<void> | void][] = [
  ['connection is cut', (network) => network.cut()],
  ['replies vanish', (network) => network.swallow('replies')],
  ['packets vanish both ways', (network) => network.swallow('both')],
]

const WAIT = 30_000

/** Ttls for which a lock is asked that is not to be left to nobody. */
const LONG = 10

/** Ms in which there are many holders. */
const CONTENTION = 600

/** µs. */
const AT_ONCE = 5_000

/** Ms, for a machine that is busy with other tests. */
const SLACK = 500

/** One lock, and who contends for it. */
class Scene {
  readonly witness: Witness
  readonly name = `conformance ${Math.random().toString(36).slice(2)}`
  readonly stage: LockStage
  readonly #ttl: number

  constructor(stage: LockStage, ttl: number, patience: number) {
    this.witness = new Witness(patience)
    this.stage = stage
    this.#ttl = ttl
    for (const [i, { process }] of stage.contenders.entries()) this.witness.hear(i, process)
  }

  get contenders(): LockStage['contenders'] {
    return this.stage.contenders
  }

  order(contender: number, order: Order): void {
    this.contenders[contender]!.process.send(order)
  }

  holding(contender: number, id = 1): Holding {
    return this.witness.holding(contender, id)!
  }

  /** Lets a contender acquire; resolves when it has been told that it holds the lock. */
  async holds(contender: number, id = 1, ttl = this.#ttl): Promise<Holding> {
    this.order(contender, { do: 'hold', id, name: this.name, ttl, wait: WAIT })
    return this.witness.until(`contender ${contender} holding the lock`, () => {
      const holding = this.witness.holding(contender, id)
      if (holding?.refused !== undefined)
        assert.fail(`contender ${contender} was refused with ${holding.refused}`)
      return holding?.first !== undefined && holding
    })
  }

  async releases(contender: number, id = 1): Promise<void> {
    this.order(contender, { do: 'release', id })
    await this.witness.until(
      `contender ${contender} having released`,
      () => this.witness.holding(contender, id)?.ended,
    )
  }

  /** Resolves when both the signal and `assertHeld` have said so. */
  async loses(contender: number, id = 1): Promise<Holding> {
    const { lostWith } = await this.witness.until(`the loss of contender ${contender}`, () => {
      const holding = this.witness.holding(contender, id)
      return holding?.lost !== undefined && holding.aborted !== undefined && holding
    })
    assert.equal(lostWith, 'LockLostError')
    return this.holding(contender, id)
  }

  async stillHolds(contender: number, id = 1): Promise<void> {
    const { last } = this.holding(contender, id)
    await this.witness.until(
      `contender ${contender} still holding`,
      () => this.holding(contender, id).last! > last!,
    )
    assert.equal(
      this.holding(contender, id).lost,
      undefined,
      `contender ${contender} lost its lock`,
    )
  }

  /** All of them, until `stop`. */
  async contend(ms: number): Promise<void> {
    for (const i of this.contenders.keys())
      this.order(i, { do: 'contend', name: this.name, ttl: this.#ttl, wait: WAIT })
    await sleep(ms)
  }

  async stop(): Promise<void> {
    for (const i of this.contenders.keys()) this.order(i, { do: 'stop' })
    await this.witness.until(
      'the end of all contenders',
      () => this.witness.stopped === this.contenders.length,
    )
  }
}

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { History, type Attempt } from './history.js'
import type { ContenderCommand } from './messages.js'
import type { LockStage } from './stage.js'

/** One lock, and the contenders that compete for it. */
export class LockScenario {
  readonly history: History
  readonly name = `conformance ${Math.random().toString(36).slice(2)}`
  readonly stage: LockStage
  readonly #ttl: number

  constructor(stage: LockStage, ttl: number, timeout: number) {
    this.history = new History(timeout)
    this.stage = stage
    this.#ttl = ttl
    for (const [i, { process }] of stage.contenders.entries()) this.history.record(i, process)
  }

  get contenders(): LockStage['contenders'] {
    return this.stage.contenders
  }

  /** Resolves when all contenders are ready. */
  async start(): Promise<void> {
    await this.history.waitFor('contenders', () => this.history.ready === this.contenders.length)
  }

  send(contender: number, command: ContenderCommand): void {
    this.contenders[contender]!.process.send(command)
  }

  attempt(contender: number, id = 1): Attempt {
    return this.history.attempt(contender, id)!
  }

  /** Makes a contender acquire the lock. Resolves when it knows that it holds the lock. */
  async acquire(contender: number, id = 1, ttl = this.#ttl): Promise<Attempt> {
    this.send(contender, { do: 'hold', id, name: this.name, ttl, wait: WAIT })
    return this.history.waitFor(`contender ${contender} holding the lock`, () => {
      const attempt = this.history.attempt(contender, id)
      if (attempt?.refusedWith !== undefined)
        assert.fail(`contender ${contender} was refused with ${attempt.refusedWith}`)
      return attempt?.firstHeldAt !== undefined && attempt
    })
  }

  async release(contender: number, id = 1): Promise<void> {
    this.send(contender, { do: 'release', id })
    await this.history.waitFor(
      `contender ${contender} having released`,
      () => this.history.attempt(contender, id)?.endedAt,
    )
  }

  /** Resolves to the name of the error with which a contender was refused. */
  async waitForRefusal(contender: number, id = 1): Promise<string> {
    return this.history.waitFor('a refusal', () => this.history.attempt(contender, id)?.refusedWith)
  }

  /** Resolves when both the signal and `assertHeld` of a contender have reported the loss. */
  async waitForLoss(contender: number, id = 1): Promise<Attempt> {
    const { lostWith } = await this.history.waitFor(`the loss of contender ${contender}`, () => {
      const attempt = this.history.attempt(contender, id)
      return attempt?.lostAt !== undefined && attempt.abortedAt !== undefined && attempt
    })
    assert.equal(lostWith, 'LockLostError')
    return this.attempt(contender, id)
  }

  async assertStillHolds(contender: number, id = 1): Promise<void> {
    const { lastHeldAt } = this.attempt(contender, id)
    await this.history.waitFor(
      `contender ${contender} still holding`,
      () => this.attempt(contender, id).lastHeldAt! > lastHeldAt!,
    )
    assert.equal(
      this.attempt(contender, id).lostAt,
      undefined,
      `contender ${contender} lost its lock`,
    )
  }

  /** Makes all contenders compete until `stop`. Resolves after `ms`. */
  async contend(ms: number): Promise<void> {
    for (const i of this.contenders.keys())
      this.send(i, { do: 'contend', name: this.name, ttl: this.#ttl, wait: WAIT })
    await sleep(ms)
  }

  async stop(): Promise<void> {
    for (const i of this.contenders.keys()) this.send(i, { do: 'stop' })
    await this.history.waitFor(
      'the end of all contenders',
      () => this.history.stopped === this.contenders.length,
    )
  }
}

/** In ms: the `wait` of the contenders. */
export const WAIT = 30_000

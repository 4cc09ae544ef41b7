import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@cache/testkit'
import { Tally, type Trial } from './trial.js'

/** How one pattern fared. */
export interface Course {
  readonly name: string
  readonly steps: number
  /** Of the steps while something was amiss: by the error's code. */
  readonly failures: Tally
  /** Of the steps begun after it had recovered. */
  readonly failuresAfterwards: Tally
  /** Ms of the longest step. */
  readonly longest: number
  /** Ms from the end of the disturbance until the last failure. */
  readonly recovered: number
  readonly broken: Tally
}

export interface Pace {
  /** Of each pattern at once. Default 4. */
  readonly inFlight?: number
  /** Ms before the disturbance, and after the recovery. Default 1 s. */
  readonly calm?: number
}

/** Keeps all patterns at work while `disturb` does what it does, and until some while after each has recovered from it. */
export async function drive(trials: readonly Trial[], disturb: () => Promise<void>, { inFlight = 4, calm = 1_000 }: Pace = {}): Promise<readonly Course[]> {
  const runs = trials.map((trial) => new Run(trial, inFlight))
  await sleep(calm)
  await disturb()
  await Promise.all(runs.map((run) => run.recover()))
  await sleep(calm)
  return Promise.all(runs.map((run) => run.end()))
}

class Run {
  readonly #trial: Trial
  readonly #loops: Promise<unknown>
  readonly #failures = new Tally()
  readonly #failuresAfterwards = new Tally()
  #steps = 0
  #longest = 0
  #failedAt = -Infinity
  #recoveredAt = Infinity
  #recovered = 0
  #on = true

  constructor(trial: Trial, inFlight: number) {
    this.#trial = trial
    this.#loops = Promise.all(Array.from({ length: inFlight }, () => this.#loop()))
  }

  async recover(): Promise<void> {
    const healed = performance.now()
    const before = this.#steps
    await eventually(() => this.#steps >= before + 20 && performance.now() - this.#failedAt > QUIET, { within: 30_000 })
    this.#recovered = Math.max(0, this.#failedAt - healed)
    this.#recoveredAt = performance.now()
  }

  async end(): Promise<Course> {
    this.#on = false
    await this.#loops
    await this.#trial.settle()
    await this.#trial.close()
    const { name, broken } = this.#trial
    return { name, steps: this.#steps, failures: this.#failures, failuresAfterwards: this.#failuresAfterwards, longest: this.#longest, recovered: this.#recovered, broken }
  }

  async #loop(): Promise<void> {
    for (; this.#on; await sleep(2)) {
      const began = performance.now()
      try {
        await this.#trial.step()
        this.#steps++
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        this.#failedAt = performance.now()
        ;(began > this.#recoveredAt ? this.#failuresAfterwards : this.#failures).count(code ?? message)
      }
      this.#longest = Math.max(this.#longest, performance.now() - began)
    }
  }
}

/** Ms without a failure after which a pattern is taken to work again. */
const QUIET = 1_500

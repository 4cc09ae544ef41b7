import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@cache/testkit'
import { Tally, type Trial } from './trial.js'

/** How one pattern fared. */
export interface Course {
  readonly name: string
  readonly steps: number
  /** Done and failed from the beginning of the disturbance to its end. */
  readonly meanwhile: Count
  /** Done before, in as long a time on average as the disturbance took. */
  readonly usual: number
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

export interface Count {
  readonly steps: number
  readonly failures: number
}

export interface Pace {
  /** Of each pattern at once. Default 4. */
  readonly inFlight?: number
  /** Ms before the disturbance, and after the recovery. Default 1 s. */
  readonly calm?: number
}

/**
 * Keeps all patterns at work while `disturb` does what it does, and until some while after each has
 * recovered from it.
 */
export async function drive(
  trials: readonly Trial[],
  disturb: () => Promise<void>,
  { inFlight = 4, calm = 1_000 }: Pace = {},
): Promise<readonly Course[]> {
  const runs = trials.map((trial) => new Run(trial, inFlight))
  await sleep(calm)
  for (const run of runs) run.disturb()
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
  readonly #began = performance.now()
  #disturbed: Moment = { at: 0, steps: 0, failures: 0 }
  #healed: Moment = { at: 0, steps: 0, failures: 0 }
  #steps = 0
  #failed = 0
  #longest = 0
  #failedAt = -Infinity
  #recoveredAt = Infinity
  #recovered = 0
  #on = true

  constructor(trial: Trial, inFlight: number) {
    this.#trial = trial
    this.#loops = Promise.all(Array.from({ length: inFlight }, () => this.#loop()))
  }

  disturb(): void {
    this.#disturbed = this.#now()
  }

  async recover(): Promise<void> {
    this.#healed = this.#now()
    const { at: healed, steps: before } = this.#healed
    await eventually(
      () => this.#steps >= before + 20 && performance.now() - this.#failedAt > QUIET,
      { within: 30_000 },
    )
    this.#recovered = Math.max(0, this.#failedAt - healed)
    this.#recoveredAt = performance.now()
  }

  async end(): Promise<Course> {
    this.#on = false
    await this.#loops
    await this.#trial.settle()
    await this.#trial.close()
    const { name, broken } = this.#trial
    const [from, to] = [this.#disturbed, this.#healed]
    const meanwhile = { steps: to.steps - from.steps, failures: to.failures - from.failures }
    const usual = (from.steps / (from.at - this.#began)) * (to.at - from.at)
    return {
      name,
      steps: this.#steps,
      meanwhile,
      usual,
      failures: this.#failures,
      failuresAfterwards: this.#failuresAfterwards,
      longest: this.#longest,
      recovered: this.#recovered,
      broken,
    }
  }

  #now(): Moment {
    return { at: performance.now(), steps: this.#steps, failures: this.#failed }
  }

  async #loop(): Promise<void> {
    for (; this.#on; await sleep(2)) {
      const began = performance.now()
      try {
        await this.#trial.step()
        this.#steps++
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        this.#failed++
        this.#failedAt = performance.now()
        ;(began > this.#recoveredAt ? this.#failuresAfterwards : this.#failures).count(
          code ?? message,
        )
      }
      this.#longest = Math.max(this.#longest, performance.now() - began)
    }
  }
}

interface Moment extends Count {
  readonly at: number
}

/** Ms without a failure after which a pattern is taken to work again. */
const QUIET = 1_500

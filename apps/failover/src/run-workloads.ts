import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@cache/testkit'
import { Counter, type Workload } from './workload.js'

/** The results of one workload. */
export interface WorkloadReport {
  readonly name: string
  readonly steps: number
  /** The steps and failures between the start and the end of the fault. */
  readonly duringFault: StepCounts
  /** The average number of steps before the fault, in a period as long as the fault. */
  readonly expectedSteps: number
  /** The failures before recovery, by error code. */
  readonly failures: Counter
  /** The failures of steps that began after recovery, by error code. */
  readonly failuresAfterRecovery: Counter
  /** The milliseconds of the longest step. */
  readonly longestStep: number
  /** The milliseconds from the end of the fault until the last failure. */
  readonly recoveryTime: number
  readonly violations: Counter
}

export interface StepCounts {
  readonly steps: number
  readonly failures: number
}

export interface Pace {
  /** The number of concurrent steps of each workload. The default is 4. */
  readonly concurrency?: number
  /** The milliseconds before the fault and after recovery. The default is 1,000. */
  readonly calm?: number
}

/**
 * Runs all workloads while `inject` injects a fault, and until some time after each of them has
 * recovered.
 */
export async function runWorkloads(
  workloads: readonly Workload[],
  inject: () => Promise<void>,
  { concurrency = 4, calm = 1_000 }: Pace = {},
): Promise<readonly WorkloadReport[]> {
  const runs = workloads.map((workload) => new Run(workload, concurrency))
  await sleep(calm)
  for (const run of runs) run.faultStarts()
  await inject()
  await Promise.all(runs.map((run) => run.recover()))
  await sleep(calm)
  return Promise.all(runs.map((run) => run.finish()))
}

class Run {
  readonly #workload: Workload
  readonly #loops: Promise<unknown>
  readonly #failures = new Counter()
  readonly #failuresAfterRecovery = new Counter()
  readonly #startedAt = performance.now()
  #faultStart: Snapshot = { at: 0, steps: 0, failures: 0 }
  #faultEnd: Snapshot = { at: 0, steps: 0, failures: 0 }
  #steps = 0
  #failed = 0
  #longestStep = 0
  #lastFailureAt = -Infinity
  #recoveredAt = Infinity
  #recoveryTime = 0
  #running = true

  constructor(workload: Workload, concurrency: number) {
    this.#workload = workload
    this.#loops = Promise.all(Array.from({ length: concurrency }, () => this.#loop()))
  }

  faultStarts(): void {
    this.#faultStart = this.#snapshot()
  }

  async recover(): Promise<void> {
    this.#faultEnd = this.#snapshot()
    const { at: faultEndedAt, steps: stepsBefore } = this.#faultEnd
    await eventually(
      () =>
        this.#steps >= stepsBefore + 20 && performance.now() - this.#lastFailureAt > QUIET_PERIOD,
      { within: 30_000 },
    )
    this.#recoveryTime = Math.max(0, this.#lastFailureAt - faultEndedAt)
    this.#recoveredAt = performance.now()
  }

  async finish(): Promise<WorkloadReport> {
    this.#running = false
    await this.#loops
    await this.#workload.verify()
    await this.#workload.close()
    const { name, violations } = this.#workload
    const [start, end] = [this.#faultStart, this.#faultEnd]
    const duringFault = { steps: end.steps - start.steps, failures: end.failures - start.failures }
    const expectedSteps = (start.steps / (start.at - this.#startedAt)) * (end.at - start.at)
    return {
      name,
      steps: this.#steps,
      duringFault,
      expectedSteps,
      failures: this.#failures,
      failuresAfterRecovery: this.#failuresAfterRecovery,
      longestStep: this.#longestStep,
      recoveryTime: this.#recoveryTime,
      violations,
    }
  }

  #snapshot(): Snapshot {
    return { at: performance.now(), steps: this.#steps, failures: this.#failed }
  }

  async #loop(): Promise<void> {
    for (; this.#running; await sleep(2)) {
      const started = performance.now()
      try {
        await this.#workload.step()
        this.#steps++
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        this.#failed++
        this.#lastFailureAt = performance.now()
        const afterRecovery = started > this.#recoveredAt
        ;(afterRecovery ? this.#failuresAfterRecovery : this.#failures).count(code ?? message)
      }
      this.#longestStep = Math.max(this.#longestStep, performance.now() - started)
    }
  }
}

interface Snapshot extends StepCounts {
  readonly at: number
}

/** A workload has recovered after this many milliseconds without a failure. */
const QUIET_PERIOD = 1_500

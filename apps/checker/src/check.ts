import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { now } from './clock.js'
import type { Event, Finished, Report, Violation } from './events.js'
import { faultNamed, faultNames, type FaultName } from './faults/all.js'
import { FaultLog } from './faults/log.js'
import { LimitVerifier } from './verifiers/limits.js'
import { LockVerifier } from './verifiers/locks.js'
import { verifyQueue } from './verifiers/queue.js'
import { patternNames, type PatternName } from './patterns/all.js'
import { ProcessUnderTest } from './process-under-test.js'
import { Random } from './random.js'
import { libraries, type TopologyName } from './connection-target.js'
import { connectSource } from './source.js'
import { startTopology } from './topologies/all.js'
import type { Topology } from './topologies/topology.js'

export interface CheckOptions {
  readonly on: TopologyName
  /** The duration of the faults in milliseconds. */
  readonly duration: number
  /** The same seed makes the same choices. When they take effect depends on the machine. */
  readonly seed: number
  readonly patterns?: readonly PatternName[]
  readonly faults?: readonly FaultName[]
  /** The number of processes, half of them on each client library. The default is 4. */
  readonly processes?: number
  /** Checks naive implementations of the patterns instead of the packages. */
  readonly naive?: boolean
  /** Ends the check at the first violation. */
  readonly stopAtFirst?: boolean
  readonly onProgress?: (result: CheckResult) => void
  readonly onViolation?: (description: string) => void
}

export interface CheckResult {
  readonly violations: readonly string[]
  /** How often the processes did each thing. */
  readonly counts: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  /** The milliseconds since the faults began. */
  readonly elapsed: number
}

/** The milliseconds in which processes must finish their work once all faults are over. */
const FINISH_TIMEOUT = 120_000
const PROGRESS_INTERVAL = 10_000
/** The interval of a timer, and how late it may be before the machine counts as too slow. */
const TICK = 50
const SLOW_AFTER = 100
/**
 * Every `CALM_INTERVAL` ms there are no faults for `CALM` ms, to check guarantees of calm times.
 */
const CALM = 20_000
const CALM_INTERVAL = 80_000
/** Runs processes that use the patterns during faults, and verifies the guarantees. */
export async function check(options: CheckOptions): Promise<CheckResult> {
  await using source = await startRedis()
  await using topology = await startTopology[options.on]()
  const run = new Run(options, topology, source.url)
  try {
    return await run.complete()
  } finally {
    await run.stop()
  }
}

class Run {
  readonly #options: CheckOptions
  readonly #topology: Topology
  readonly #source: string
  readonly #random: Random
  readonly #log = new FaultLog()
  readonly #locks = new LockVerifier(this.#log)
  readonly #limits = new LimitVerifier(this.#log)
  readonly #violations: string[] = []
  readonly #counts = new Map<string, Readonly<Record<string, number>>>()
  #processes: readonly ProcessUnderTest[] = []
  #serverFault: Promise<void> | undefined
  #startedAt = now()
  #stopWatching = (): void => undefined

  constructor(options: CheckOptions, topology: Topology, source: string) {
    this.#options = options
    this.#topology = topology
    this.#source = source
    this.#random = new Random(options.seed)
  }

  async complete(): Promise<CheckResult> {
    await this.#start()
    await this.#injectFaults()
    await this.#finish()
    return this.#result()
  }

  async stop(): Promise<void> {
    this.#stopWatching()
    await Promise.all(
      this.#processes.map(async (process) => {
        await process.stop()
        await process.proxySet.close()
      }),
    )
  }

  async #start(): Promise<void> {
    const { processes = 4, patterns = patternNames, naive = false, seed } = this.#options
    const data = { source: this.#source, patterns, naive, seed }
    const onReport = (name: string, report: Report | Finished) => this.#handleReport(name, report)
    this.#processes = await Promise.all(
      Array.from({ length: processes }, async (_, index) => {
        const proxySet = await this.#topology.open(libraries[index % libraries.length]!)
        return new ProcessUnderTest(index, proxySet, data, onReport)
      }),
    )
    await Promise.all(this.#processes.map((process) => process.start()))
    this.#startedAt = now()
    this.#watchMachineSpeed()
  }

  /** On a slow machine, calls may take effect in another order than they were made. */
  #watchMachineSpeed(): void {
    let last = now()
    const timer = setInterval(() => {
      const at = now()
      if (at - last > TICK + SLOW_AFTER) this.#log.slow(last, at)
      last = at
    }, TICK)
    this.#stopWatching = () => clearInterval(timer)
  }

  async #injectFaults(): Promise<void> {
    const { duration, stopAtFirst, faults = faultNames, onProgress } = this.#options
    const possible = faults.filter((name) => faultNamed(name).possible?.(this.#topology) !== false)
    const weighted = possible.flatMap((name) =>
      Array<FaultName>(faultNamed(name).weight).fill(name),
    )
    const running = new Set<Promise<void>>()
    let progressAt = PROGRESS_INTERVAL
    while (this.#elapsed < duration && !(stopAtFirst && this.#violations.length > 0)) {
      await sleep(this.#random.between(100, 700))
      if (this.#elapsed > progressAt) {
        progressAt += PROGRESS_INTERVAL
        onProgress?.(this.#result())
      }
      const isCalm = this.#elapsed % CALM_INTERVAL > CALM_INTERVAL - CALM
      if (weighted.length === 0 || isCalm || running.size >= 3) continue
      const fault = this.#inject(this.#random.pick(weighted)).catch((error: unknown) => {
        this.#addViolation(`checker: a fault failed: ${String(error)}`)
      })
      running.add(fault)
      void fault.then(() => running.delete(fault))
    }
    await Promise.all(running)
    if (this.#topology.clock)
      await Promise.all(this.#topology.servers.map((server) => server.setClock(0)))
  }

  /** Runs one fault of the servers at a time, because one would end or change another. */
  async #inject(name: FaultName): Promise<void> {
    const fault = faultNamed(name)
    const context = { topology: this.#topology, processes: this.#processes, random: this.#random }
    const run = () => this.#log.during(name, () => fault.run(context))
    if (!fault.exclusive) return run()
    if (this.#serverFault) return
    this.#serverFault = run()
    try {
      await this.#serverFault
    } finally {
      this.#serverFault = undefined
    }
  }

  async #finish(): Promise<void> {
    await Promise.all(
      this.#processes.map((process) =>
        process.finish(FINISH_TIMEOUT).catch((error: unknown) => {
          this.#addViolation(`a process did not finish its work: ${String(error)}`)
        }),
      ),
    )
    const source = connectSource(this.#source)
    const { violations, acknowledged, applied } = await verifyQueue(source)
    source.disconnect()
    for (const description of violations) this.#addViolation(`write-behind: ${description}`)
    this.#counts.set('queue', {
      'write-behind: acknowledged at the end': acknowledged,
      'write-behind: applied at the end': applied,
    })
  }

  #handleReport(name: string, { events, counts }: Report | Finished): void {
    this.#counts.set(name, counts)
    for (const event of events) {
      for (const description of this.#verify(event)) this.#addViolation(`${description} [${name}]`)
    }
  }

  #addViolation(description: string): void {
    const recentFaults = this.#log.names(now() - 10_000).join(', ') || 'none'
    const seconds = (this.#elapsed / 1_000).toFixed(1)
    const violation = `${description} (after ${seconds} s; recent faults: ${recentFaults})`
    this.#violations.push(violation)
    this.#options.onViolation?.(violation)
  }

  #verify(event: Event): readonly string[] {
    if (event.type === 'decision')
      return this.#limits.add(event).map((description) => `ratelimit: ${description}`)
    if (event.type !== 'violation')
      return this.#locks.add(event).map((description) => `lock: ${description}`)
    return this.#isExplained(event) ? [] : [`${event.pattern}: ${event.description}`]
  }

  #isExplained({ explainedBy, from, to }: Violation): boolean {
    return explainedBy !== 'nothing' && this.#log.any(from - 10_000, to, ['clock', 'eviction'])
  }

  get #elapsed(): number {
    return now() - this.#startedAt
  }

  #result(): CheckResult {
    const counts: Record<string, number> = {
      'lock: overlaps checked': this.#locks.overlapsChecked,
      'lock: orders checked': this.#locks.ordersChecked,
      'ratelimit: admissions checked': this.#limits.checked,
      'ratelimit: denials checked': this.#limits.denialsChecked,
    }
    for (const processCounts of this.#counts.values()) {
      for (const [name, count] of Object.entries(processCounts))
        counts[name] = (counts[name] ?? 0) + count
    }
    return {
      violations: [...this.#violations],
      counts,
      faults: this.#log.counts(),
      elapsed: this.#elapsed,
    }
  }
}

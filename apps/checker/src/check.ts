import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { now } from './clock.js'
import type { Event, Finished, Report, Violation } from './events.js'
import { faultNamed, faultNames, type FaultName } from './faults/all.js'
import { FaultLog } from './faults/log.js'
import { LimitJudge } from './judges/limits.js'
import { LockJudge } from './judges/locks.js'
import { judgeQueue } from './judges/queue.js'
import { patternNames, type PatternName } from './patterns/all.js'
import { ProcessUnderTest } from './process-under-test.js'
import { Random } from './random.js'
import { libraries, type TopologyName } from './reach.js'
import { connectSource } from './source.js'
import { startTopology } from './topologies/all.js'
import type { Topology } from './topologies/topology.js'

export interface CheckOptions {
  readonly on: TopologyName
  /** Ms. */
  readonly duration: number
  /** The same seed makes the same choices; when they take effect depends on the machine. */
  readonly seed: number
  readonly patterns?: readonly PatternName[]
  readonly faults?: readonly FaultName[]
  /** Default 4: half of them on each client library. */
  readonly processes?: number
  /** Checks the patterns as they are usually written instead. */
  readonly naive?: boolean
  /** Ends at the first violation. */
  readonly stopAtFirst?: boolean
  readonly onProgress?: (verdict: Verdict) => void
  readonly onViolation?: (what: string) => void
}

export interface Verdict {
  readonly violations: readonly string[]
  /** How often the processes did what. */
  readonly counts: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  /** Ms since the faults began. */
  readonly elapsed: number
}

/** Ms in which processes must have ended their work, once all faults are over. */
const FINISH_WITHIN = 120_000
const PROGRESS_EVERY = 10_000
/** Ms between two looks at the clock, and how late one of them is on a machine that is too slow. */
const TICK = 50
const SLOW_AFTER = 100
/** The faults stop for so long, that often: what is promised only in calm times is checked then. */
const CALM = 20_000
const CALM_EVERY = 80_000

/** Lets processes use the patterns while faults come and go, and judges what they saw. */
export async function check(options: CheckOptions): Promise<Verdict> {
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
  readonly #locks = new LockJudge(this.#log)
  readonly #limits = new LimitJudge(this.#log)
  readonly #violations: string[] = []
  readonly #counts = new Map<string, Readonly<Record<string, number>>>()
  #processes: readonly ProcessUnderTest[] = []
  #serverFault: Promise<void> | undefined
  #began = now()
  #watching = (): void => undefined

  constructor(options: CheckOptions, topology: Topology, source: string) {
    this.#options = options
    this.#topology = topology
    this.#source = source
    this.#random = new Random(options.seed)
  }

  async complete(): Promise<Verdict> {
    await this.#start()
    await this.#disturb()
    await this.#finish()
    return this.#verdict()
  }

  async stop(): Promise<void> {
    this.#watching()
    await Promise.all(
      this.#processes.map(async (process) => {
        await process.stop()
        await process.entrance.close()
      }),
    )
  }

  async #start(): Promise<void> {
    const { processes = 4, patterns = patternNames, naive = false, seed } = this.#options
    const data = { source: this.#source, patterns, naive, seed }
    const heard = (name: string, report: Report | Finished) => this.#hear(name, report)
    this.#processes = await Promise.all(
      Array.from({ length: processes }, async (_, index) => {
        const entrance = await this.#topology.open(libraries[index % libraries.length]!)
        return new ProcessUnderTest(index, entrance, data, heard)
      }),
    )
    await Promise.all(this.#processes.map((process) => process.start()))
    this.#began = now()
    this.#watchMachine()
  }

  /** On a machine without time to spare, a call may come long after another that was made later. */
  #watchMachine(): void {
    let last = now()
    const timer = setInterval(() => {
      const at = now()
      if (at - last > TICK + SLOW_AFTER) this.#log.slow(last, at)
      last = at
    }, TICK)
    this.#watching = () => clearInterval(timer)
  }

  async #disturb(): Promise<void> {
    const { duration, stopAtFirst, faults = faultNames, onProgress } = this.#options
    const possible = faults.filter((name) => faultNamed(name).possible?.(this.#topology) !== false)
    const weighted = possible.flatMap((name) =>
      Array<FaultName>(faultNamed(name).weight).fill(name),
    )
    const running = new Set<Promise<void>>()
    let progressAt = PROGRESS_EVERY
    while (this.#elapsed < duration && !(stopAtFirst && this.#violations.length > 0)) {
      await sleep(this.#random.between(100, 700))
      if (this.#elapsed > progressAt) {
        progressAt += PROGRESS_EVERY
        onProgress?.(this.#verdict())
      }
      const isCalm = this.#elapsed % CALM_EVERY > CALM_EVERY - CALM
      if (weighted.length === 0 || isCalm || running.size >= 3) continue
      const fault = this.#put(this.#random.pick(weighted)).catch((error: unknown) => {
        this.#complain(`checker: a fault failed: ${String(error)}`)
      })
      running.add(fault)
      void fault.then(() => running.delete(fault))
    }
    await Promise.all(running)
    if (this.#topology.clock)
      await Promise.all(this.#topology.servers.map((server) => server.setClock(0)))
  }

  /** Faults of servers come one after the other: one would end or spoil the other. */
  async #put(name: FaultName): Promise<void> {
    const fault = faultNamed(name)
    const scene = { topology: this.#topology, processes: this.#processes, random: this.#random }
    const run = () => this.#log.during(name, () => fault.run(scene))
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
        process.finish(FINISH_WITHIN).catch((error: unknown) => {
          this.#complain(`a process did not finish its work: ${String(error)}`)
        }),
      ),
    )
    const source = connectSource(this.#source)
    const { violations, acknowledged, applied } = await judgeQueue(source)
    source.disconnect()
    for (const what of violations) this.#complain(`write-behind: ${what}`)
    this.#counts.set('queue', {
      'write-behind: acknowledged at the end': acknowledged,
      'write-behind: applied at the end': applied,
    })
  }

  #hear(name: string, { events, counts }: Report | Finished): void {
    this.#counts.set(name, counts)
    for (const event of events) {
      for (const what of this.#judge(event)) this.#complain(`${what} [${name}]`)
    }
  }

  #complain(what: string): void {
    const lately = this.#log.names(now() - 10_000).join(', ') || 'none'
    const violation = `${what} (after ${(this.#elapsed / 1_000).toFixed(1)} s; faults lately: ${lately})`
    this.#violations.push(violation)
    this.#options.onViolation?.(violation)
  }

  #judge(event: Event): readonly string[] {
    if (event.type === 'decision')
      return this.#limits.hear(event).map((what) => `ratelimit: ${what}`)
    if (event.type !== 'violation') return this.#locks.hear(event).map((what) => `lock: ${what}`)
    return this.#isExplained(event) ? [] : [`${event.pattern}: ${event.what}`]
  }

  #isExplained({ unless, from, to }: Violation): boolean {
    return unless !== 'nothing' && this.#log.any(from - 10_000, to, ['clock', 'eviction'])
  }

  get #elapsed(): number {
    return now() - this.#began
  }

  #verdict(): Verdict {
    const counts: Record<string, number> = {
      'lock: overlaps checked': this.#locks.overlapsChecked,
      'lock: orders checked': this.#locks.ordersChecked,
      'ratelimit: admissions checked': this.#limits.checked,
      'ratelimit: denials checked': this.#limits.denialsChecked,
    }
    for (const some of this.#counts.values()) {
      for (const [what, count] of Object.entries(some)) counts[what] = (counts[what] ?? 0) + count
    }
    return {
      violations: [...this.#violations],
      counts,
      faults: this.#log.counts(),
      elapsed: this.#elapsed,
    }
  }
}

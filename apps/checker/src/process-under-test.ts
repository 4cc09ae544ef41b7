import { spawnProcesses, type ProcessGroup, type SpawnedProcess } from '@cache/testkit'
import type { Finished, Order, Report } from './events.js'
import type { ProcessData } from './process.js'
import type { Entrance } from './topologies/topology.js'

export type Heard = (name: string, report: Report | Finished) => void

/** One of the processes; when it is killed, another takes its place, on the same proxies. */
export class ProcessUnderTest {
  readonly entrance: Entrance
  readonly #data: Omit<ProcessData, 'name' | 'reach'>
  readonly #index: number
  readonly #heard: Heard
  #starts = 0
  #replacing = false
  #group!: ProcessGroup
  #process!: SpawnedProcess

  constructor(
    index: number,
    entrance: Entrance,
    data: Omit<ProcessData, 'name' | 'reach'>,
    heard: Heard,
  ) {
    this.#index = index
    this.entrance = entrance
    this.#data = data
    this.#heard = heard
  }

  async start(): Promise<void> {
    const name = `p${this.#index}.${++this.#starts}`
    const seed = this.#data.seed * 10_000 + this.#index * 1_000 + this.#starts
    const data: ProcessData = { ...this.#data, name, reach: this.entrance.reach, seed }
    this.#group = spawnProcesses(new URL('process.ts', import.meta.url), { data })
    this.#process = this.#group.processes[0]!
    await this.#process.next('ready', { timeout: 120_000 })
    this.#order('work')
    void this.#listen(this.#process, name)
  }

  freeze(): void {
    this.#process.freeze()
  }

  thaw(): void {
    this.#process.thaw()
  }

  /** Kills it, and starts another one; does nothing while that is under way. */
  async replace(): Promise<void> {
    if (this.#replacing) return
    this.#replacing = true
    try {
      await this.#group.stop()
      await this.start()
    } finally {
      this.#replacing = false
    }
  }

  /** Lets it finish its work, and end. */
  async finish(within: number): Promise<void> {
    const finished = this.#process.next<Finished>('finished', { timeout: within })
    this.#order('finish')
    this.#heard(`p${this.#index}.${this.#starts}`, await finished)
  }

  stop(): Promise<void> {
    return this.#group.stop()
  }

  #order(order: Order): void {
    this.#process.send(order)
  }

  /** Until it ends. */
  async #listen(process: SpawnedProcess, name: string): Promise<void> {
    try {
      for (;;) this.#heard(name, await process.next<Report>('report', { timeout: 2 ** 30 }))
    } catch {
      // It was killed, or has finished.
    }
  }
}

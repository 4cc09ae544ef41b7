import { spawnProcesses, type ProcessGroup, type SpawnedProcess } from '@cache/testkit'
import type { Finished, ProcessCommand, Report } from './events.js'
import type { ProcessData } from './process.js'
import type { ProxySet } from './topologies/topology.js'

export type OnReport = (name: string, report: Report | Finished) => void

/** One of the processes. When it is killed, another replaces it and uses the same proxies. */
export class ProcessUnderTest {
  readonly proxySet: ProxySet
  readonly #data: Omit<ProcessData, 'name' | 'target'>
  readonly #index: number
  readonly #onReport: OnReport
  #starts = 0
  #replacing = false
  #group!: ProcessGroup
  #process!: SpawnedProcess

  constructor(
    index: number,
    proxySet: ProxySet,
    data: Omit<ProcessData, 'name' | 'target'>,
    onReport: OnReport,
  ) {
    this.#index = index
    this.proxySet = proxySet
    this.#data = data
    this.#onReport = onReport
  }

  async start(): Promise<void> {
    const name = `p${this.#index}.${++this.#starts}`
    const seed = this.#data.seed * 10_000 + this.#index * 1_000 + this.#starts
    const data: ProcessData = { ...this.#data, name, target: this.proxySet.target, seed }
    this.#group = spawnProcesses(new URL('process.ts', import.meta.url), { data })
    this.#process = this.#group.processes[0]!
    await this.#process.next('ready', { timeout: 120_000 })
    this.#send('start')
    void this.#listen(this.#process, name)
  }

  freeze(): void {
    this.#process.freeze()
  }

  thaw(): void {
    this.#process.thaw()
  }

  /** Kills the process and starts another one. Does nothing during a replacement. */
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

  /** Lets the process finish its work and end. */
  async finish(within: number): Promise<void> {
    const finished = this.#process.next<Finished>('finished', { timeout: within })
    this.#send('finish')
    this.#onReport(`p${this.#index}.${this.#starts}`, await finished)
  }

  stop(): Promise<void> {
    return this.#group.stop()
  }

  #send(command: ProcessCommand): void {
    this.#process.send(command)
  }

  /** Handles reports until the process ends. */
  async #listen(process: SpawnedProcess, name: string): Promise<void> {
    try {
      for (;;) this.#onReport(name, await process.next<Report>('report', { timeout: 2 ** 30 }))
    } catch {
      // The process was killed, or has finished.
    }
  }
}

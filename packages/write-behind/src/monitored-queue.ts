import type { CacheClient } from '@cache/core'
import { addGauge, addHealthPart, type Measurements } from '@cache/core/internal'
import { measureQueue } from './measure-queue.js'
import type { Partitions } from './partitions.js'

/** A queue as a part of the health and of the gauges of its client, until it is closed. */
export class MonitoredQueue {
  readonly #client: CacheClient
  readonly #partitions: Partitions
  readonly #removals: readonly (() => void)[]

  constructor(client: CacheClient, prefix: string, partitions: Partitions) {
    this.#client = client
    this.#partitions = partitions
    this.#removals = [
      addGauge(client, 'queue', prefix, this, measure),
      addHealthPart(client, `queue ${prefix}`, async () => {
        const { writes, oldest, unowned, deadLetters } = await this.measure()
        return { healthy: unowned === 0, details: { writes, oldest, unowned, deadLetters } }
      }),
    ]
  }

  close(): void {
    for (const remove of this.#removals) remove()
  }

  measure(): Promise<Measurements['queue']> {
    return measureQueue(this.#client, this.#partitions)
  }
}

const measure = (queue: MonitoredQueue): Promise<Measurements['queue']> => queue.measure()

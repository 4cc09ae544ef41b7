import type { CacheClient } from '@cache/core'
import { addGauge, addHealthPart, type HealthPart } from '@cache/core/internal'
import { measureQueue } from './measure-queue.js'
import type { Partitions } from './partitions.js'

/**
 * Makes a queue a part of the health and of the gauges of its client, until what it returns is
 * closed, or nobody uses `partitions` any more.
 */
export function monitorQueue(
  client: CacheClient,
  prefix: string,
  partitions: Partitions,
): { close(): void } {
  const removals = [
    addGauge(client, 'queue', prefix, partitions, measureQueue),
    addHealthPart(client, `queue ${prefix}`, partitions, checkQueue),
  ]
  return {
    close() {
      for (const remove of removals) remove()
    },
  }
}

async function checkQueue(partitions: Partitions): Promise<HealthPart> {
  const { writes, oldest, unowned, deadLetters } = await measureQueue(partitions)
  return { healthy: unowned === 0, details: { writes, oldest, unowned, deadLetters } }
}

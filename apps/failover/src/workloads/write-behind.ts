import type { CacheClient } from '@cache/core'
import { eventually } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker, type PendingWrite } from '@cache/write-behind'
import { SourceModel } from '../source-model.js'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

/**
 * Queues writes, which a worker writes to a database. Reads must return each acknowledged write,
 * and the database must receive it.
 */
export function writeBehindWorkload(
  client: CacheClient,
  { replicas }: { readonly replicas?: number } = {},
): Workload {
  const source = new SourceModel()
  const violations = new Counter()
  const database = new Map<number, { readonly value: number; readonly sequence: number }>()
  const name = replicas ? 'behind-replicated' : 'behind'
  const queue = createWriteBehind({
    client,
    prefix: name,
    ttl: '1h',
    partitions: 4,
    load: async (id: number) => database.get(id)?.value ?? 0,
    ...(replicas && { durability: { replicas, timeout: '500ms' } }),
  })
  const flush = (writes: readonly PendingWrite<number, number>[]): void => {
    for (const { id, value, sequence } of writes)
      if (sequence > (database.get(id)?.sequence ?? 0))
        database.set(id, { value: value!, sequence })
  }
  const worker = createWriteBehindWorker<number, number>({
    client,
    prefix: name,
    partitions: 4,
    ownershipTtl: '2s',
    flush,
  })
  /**
   * The ids with a write in progress. The writes of one id run one after the other, because the
   * order of two concurrent writes is undefined.
   */
  const writing = new Set<number>()
  const stop = new AbortController()
  const workerRun = worker.run({ signal: stop.signal })

  return {
    name: replicas
      ? `write-behind, on ${replicas} replica${replicas > 1 ? 's' : ''}`
      : 'write-behind',
    violations,
    async step() {
      const id = randomElement(IDS)
      if (Math.random() < 0.5 && !writing.has(id)) {
        writing.add(id)
        const version = source.change(id)
        await queue.put(id, version).finally(() => writing.delete(id))
        source.acknowledge(id, version)
      } else {
        const minVersion = source.minVersion(id)
        if ((await queue.get(id)) < minVersion) violations.count('stale reads')
      }
    },
    async verify() {
      await eventually(async () => (await queue.pending()).writes === 0, {
        within: 30_000,
        every: 100,
      })
      for (const id of IDS)
        if ((database.get(id)?.value ?? 0) < source.minVersion(id))
          violations.count('ids whose last write was lost')
    },
    async close() {
      stop.abort()
      await workerRun
      await queue.close()
    },
  }
}

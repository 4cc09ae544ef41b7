import type { CacheClient } from '@cache/core'
import { eventually } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker, type PendingWrite } from '@cache/write-behind'
import { Rows } from '../rows.js'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

/**
 * Writes are queued and carried to a database: each that was acknowledged is read from then on, and
 * gets there.
 */
export function writeBehindTrial(
  client: CacheClient,
  { replicas }: { readonly replicas?: number } = {},
): Trial {
  const rows = new Rows()
  const broken = new Tally()
  const database = new Map<number, { readonly value: number; readonly sequence: number }>()
  const name = replicas ? 'behind-replicated' : 'behind'
  const queue = createWriteBehind({
    client,
    name,
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
    name,
    partitions: 4,
    leaseTtl: '2s',
    flush,
  })
  /**
   * One after the other for each: of two writes at once the last one counts, and that may be
   * either.
   */
  const writing = new Set<number>()
  const stop = new AbortController()
  const working = worker.run({ signal: stop.signal })

  return {
    name: replicas
      ? `write-behind, on ${replicas} replica${replicas > 1 ? 's' : ''}`
      : 'write-behind',
    broken,
    async step() {
      const id = oneOf(IDS)
      if (Math.random() < 0.5 && !writing.has(id)) {
        writing.add(id)
        const row = rows.change(id)
        await queue.put(id, row).finally(() => writing.delete(id))
        rows.acknowledge(id, row)
      } else {
        const least = rows.atLeast(id)
        if ((await queue.get(id)) < least) broken.count('stale reads')
      }
    },
    async settle() {
      await eventually(async () => (await queue.pending()).writes === 0, {
        within: 30_000,
        every: 100,
      })
      for (const id of IDS)
        if ((database.get(id)?.value ?? 0) < rows.atLeast(id))
          broken.count('ids whose last write was lost')
    },
    async close() {
      stop.abort()
      await working
      await queue.close()
    },
  }
}

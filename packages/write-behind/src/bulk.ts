import { setImmediate } from 'node:timers/promises'
import { groupBy } from '@cache/core/internal'
import { BulkWriteError } from './errors.js'

interface BulkOptions<Id, Input, R> {
  /** The maximum number of writes that are in flight at a time. */
  readonly concurrency: number
  /** Returns the partition of an id. */
  readonly partitionOf: (id: Id) => unknown
  readonly write: (id: Id, input: Input) => Promise<R>
}

/**
 * Calls `write` for each of many writes. Resolves to the results in order.
 *
 * The writes of a partition are sent together, and partition after partition, so that Redis
 * executes those of one while those of the next are encoded. The writes of an id keep their order.
 *
 * @throws {BulkWriteError} if some writes were refused.
 */
export async function writeAll<Id extends string | number, Input, R>(
  writes: Iterable<readonly [id: Id, input: Input]>,
  { concurrency, partitionOf, write }: BulkOptions<Id, Input, R>,
): Promise<R[]> {
  const all = [...writes]
  const results: R[] = new Array<R>(all.length)
  const failures: { index: number; id: Id; error: unknown }[] = []
  const start = async (index: number): Promise<void> => {
    const [id, input] = all[index]!
    try {
      results[index] = await write(id, input)
    } catch (error) {
      failures.push({ index, id, error })
    }
  }
  const running: { readonly count: number; readonly ended: Promise<unknown> }[] = []
  let inFlight = 0
  let sinceYield = 0
  for (let first = 0; first < all.length; first += concurrency) {
    const indexes = Array.from(
      { length: Math.min(concurrency, all.length - first) },
      (_, i) => first + i,
    )
    for (const group of groupBy(indexes, (index) => partitionOf(all[index]![0])).values()) {
      while (inFlight + group.length > concurrency) {
        const { count, ended } = running.shift()!
        await ended
        inFlight -= count
      }
      running.push({ count: group.length, ended: Promise.all(group.map(start)) })
      inFlight += group.length
      sinceYield += group.length
      if (sinceYield < SENT_TOGETHER) continue
      await setImmediate()
      sinceYield = 0
    }
  }
  for (const { ended } of running) await ended
  if (failures.length === 0) return results
  failures.sort((a, b) => a.index - b.index)
  throw new BulkWriteError(
    failures.map(({ id, error }) => ({ id, error })),
    all.length,
  )
}

/** The number of writes from which on they are sent before further ones are encoded. */
const SENT_TOGETHER = 32

import { BulkWriteError } from './errors.js'

/**
 * Calls `write` for each of many writes, at most `concurrency` at a time. Resolves to the results
 * in order.
 *
 * @throws {BulkWriteError} if some writes were refused.
 */
export async function writeAll<Id extends string | number, Input, R>(
  writes: Iterable<readonly [id: Id, input: Input]>,
  concurrency: number,
  write: (id: Id, input: Input) => Promise<R>,
): Promise<R[]> {
  const all = [...writes]
  const results: PromiseSettledResult<R>[] = []
  for (let first = 0; first < all.length; first += concurrency) {
    results.push(
      ...(await Promise.allSettled(
        all.slice(first, first + concurrency).map(async ([id, input]) => write(id, input)),
      )),
    )
  }
  const failures = results.flatMap((result, i) =>
    result.status === 'rejected' ? [{ id: all[i]![0], error: result.reason as unknown }] : [],
  )
  if (failures.length > 0) throw new BulkWriteError(failures, all.length)
  return results.map((result) => (result as PromiseFulfilledResult<R>).value)
}

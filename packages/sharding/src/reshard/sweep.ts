import { CacheError } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import { isInternalKey } from './internal-keys.js'
import type { KeyMover } from './key-mover.js'
import { scanKeys } from './scan-keys.js'

export interface Sweep {
  readonly from: Layout
  readonly to: Layout
  readonly mover: KeyMover
  /** The old shards to scan. */
  readonly shards: readonly Shard[]
  /** Called after each page of keys. */
  onPage(): Promise<void>
}

/**
 * Moves all keys that are still on their old shards. A key that can't be moved holds up no other.
 *
 * @throws {CacheError} after everything else has been moved, if some keys could not be moved.
 */
export async function sweep({ from, to, mover, shards, onPage }: Sweep): Promise<void> {
  const failures: Failure[] = []
  for (const shard of shards) {
    try {
      for (const node of await shard.driver.nodes()) {
        for await (const keys of scanKeys(node)) {
          const leaving = keys.filter(
            (key) =>
              !isInternalKey(key) &&
              from.shardOf(key) === shard &&
              to.shardOf(key).name !== shard.name,
          )
          for (const target of new Set(leaving.map((key) => to.shardOf(key)))) {
            const batch = leaving.filter((key) => to.shardOf(key) === target)
            failures.push(...(await transferBatch(mover, shard, target, batch)))
          }
          await onPage()
        }
      }
    } catch (error) {
      failures.push({ subject: `the other keys of shard "${shard.name}"`, error })
    }
  }
  const [first] = failures
  if (first)
    throw new CacheError(
      `Not every key could be moved yet: ${first.subject}` +
        `${failures.length > 1 ? `, and ${failures.length - 1} more` : ''}. ` +
        'The move is tried again.',
      { code: 'RESHARD', cause: first.error },
    )
}

interface Failure {
  readonly subject: string
  readonly error: unknown
}

/** Retries the keys of a failed batch one by one, because together they may be too large. */
async function transferBatch(
  mover: KeyMover,
  from: Shard,
  to: Shard,
  keys: readonly string[],
): Promise<Failure[]> {
  const failures: Failure[] = []
  const errors = await mover.transfer(from, to, keys)
  for (const [i, key] of keys.entries()) {
    const [error] = errors[i] ? await mover.transfer(from, to, [key]) : []
    if (error) failures.push({ subject: `"${key}"`, error })
  }
  return failures
}

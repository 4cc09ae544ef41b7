import { ConnectionError } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import { isInternalKey } from './internal-keys.js'
import { scanKeys } from './scan-keys.js'
import { removeKeyLua } from './scripts.js'
import { unwrap } from './unwrap.js'
import { ServerClocks } from './server-clocks.js'

export interface LeftoverRemoval {
  readonly from: Layout
  readonly to: Layout
  readonly lost: ReadonlySet<string>
  /** Ms that a shard has to answer. */
  readonly timeout: number
  /** Whether a process has announced the change. From then on the new shards may be used soon. */
  hasBegun(): Promise<boolean>
}

/**
 * Removes leftovers from the shards that keys will move to: a copy of a key on its next shard while
 * the key is in use on its present shard. The copy dates from an earlier time when the key was
 * there: a process that joined the last change too late wrote it, or the shard was down. After the
 * change, it would be read as current.
 *
 * Stops when another process, which has removed the leftovers as well, has announced the change.
 *
 * @throws {CacheError} if a shard does not answer, or not soon enough to remove a copy safely.
 */
export async function removeLeftovers({
  from,
  to,
  lost,
  timeout,
  hasBegun,
}: LeftoverRemoval): Promise<void> {
  const clocks = new ServerClocks(timeout)
  const staying = from.shards.filter((shard) => to.shards.includes(shard) && !lost.has(shard.name))
  for (const shard of staying) {
    for (const node of await shard.driver.nodes()) {
      for await (const keys of scanKeys(node, 1_000)) {
        let remaining = await inUseElsewhere(
          keys.filter(
            (key) =>
              !isInternalKey(key) && from.shardOf(key) !== shard && to.shardOf(key) === shard,
          ),
        )
        for (let tries = MAX_TRIES; ; tries--) {
          const now = unwrap(await clocks.now(shard))
          if (await hasBegun()) return
          if (remaining.length === 0) break
          if (tries === 0) throw notRemoved(shard.name, remaining[0]!)
          remaining = await remove(shard, remaining, now + REMOVAL_TIME)
          // The clock may have been read too long before its reply arrived.
          if (remaining.length > 0) clocks.forget(shard)
        }
      }
    }
  }

  /** Removes keys. Returns those whose deadline had passed. */
  async function remove(
    shard: Shard,
    keys: readonly string[],
    deadline: number,
  ): Promise<readonly string[]> {
    const results = await Promise.all(
      shard.send(
        keys.map((key) => ({
          args: ['EVAL', removeKeyLua, '1', key, String(deadline)],
          keys: [key],
        })),
        timeout,
      ),
    )
    return keys.filter((_, i) => unwrap(results[i]!) === 0)
  }

  /** Returns the keys that exist on their present shard, which proves that it is the one in use. */
  async function inUseElsewhere(keys: readonly string[]): Promise<readonly string[]> {
    const inUse: string[] = []
    for (const shard of new Set(keys.map((key) => from.shardOf(key)))) {
      const own = lost.has(shard.name) ? [] : keys.filter((key) => from.shardOf(key) === shard)
      const results = await Promise.all(
        shard.send(
          own.map((key) => ({ args: ['EXISTS', key], keys: [key] })),
          timeout,
        ),
      )
      inUse.push(...own.filter((_, i) => unwrap(results[i]!) === 1))
    }
    return inUse
  }
}

function notRemoved(shard: string, key: string): ConnectionError {
  return new ConnectionError(
    `Shard "${shard}" still holds an old copy of "${key}", which is on another shard now. ` +
      `The copy was not removed within ${REMOVAL_TIME} ms. Nothing was changed. ` +
      'Call reshard() again.',
    { code: 'NOT_CLEARED', key },
  )
}

/** Ms within which a copy must be removed; less than the shortest announcement. */
const REMOVAL_TIME = 150
const MAX_TRIES = 20

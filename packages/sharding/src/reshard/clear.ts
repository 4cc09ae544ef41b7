import { ConnectionError } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import { Clocks } from './clocks.js'
import leaveLua from './leave.lua'
import { answered, sendTo } from './sending.js'
import { isLeftToThemselves, pages } from './sweep.js'

export interface Clearing {
  readonly from: Layout
  readonly to: Layout
  readonly lost: ReadonlySet<string>
  readonly timeout: number
  /** Whether the change has been announced: soon the new places are used. */
  hasBegun(): Promise<boolean>
}

/**
 * Removes from places that are to be used what nobody uses there now, while its key is in use
 * elsewhere. It is a relic of when the key was there before: of a process that was told of the last
 * change too late, or of a shard that was out; and would be taken for current. Stops when the
 * change has been announced, by another process that has done the same.
 *
 * @throws {CacheError} where a shard does not answer, or not soon enough to remove something
 * safely.
 */
export async function clearNewPlaces({
  from,
  to,
  lost,
  timeout,
  hasBegun,
}: Clearing): Promise<void> {
  const clocks = new Clocks(timeout)
  for (const shard of from.shards.filter((one) => to.shards.includes(one) && !lost.has(one.name))) {
    for (const node of await shard.driver.nodes()) {
      for await (const keys of pages(node, 1_000)) {
        let left = await inUseElsewhere(
          keys.filter(
            (key) =>
              !isLeftToThemselves(key) && from.shardOf(key) !== shard && to.shardOf(key) === shard,
          ),
        )
        for (let tries = TRIES; ; tries--) {
          const now = answered(await clocks.of(shard))
          if (await hasBegun()) return
          if (left.length === 0) break
          if (tries === 0) throw notCleared(shard.name, left[0]!)
          left = await remove(shard, left, now + SOON)
          // it may have been read too long before its answer came
          if (left.length > 0) clocks.forget(shard)
        }
      }
    }
  }

  /** Removes keys, and answers with those for which it was too late. */
  async function remove(
    shard: Shard,
    keys: readonly string[],
    until: number,
  ): Promise<readonly string[]> {
    const replies = await sendTo(
      shard,
      keys.map((key) => ({ args: ['EVAL', leaveLua, '1', key, String(until)], keys: [key] })),
      timeout,
    )
    return keys.filter((_, i) => answered(replies[i]) === 0)
  }

  /** Those that are in their present place: the proof that it is the one in use. */
  async function inUseElsewhere(keys: readonly string[]): Promise<readonly string[]> {
    const found: string[] = []
    for (const place of new Set(keys.map((key) => from.shardOf(key)))) {
      const some = lost.has(place.name) ? [] : keys.filter((key) => from.shardOf(key) === place)
      const replies = await sendTo(
        place,
        some.map((key) => ({ args: ['EXISTS', key], keys: [key] })),
        timeout,
      )
      found.push(...some.filter((_, i) => answered(replies[i]) === 1))
    }
    return found
  }
}

function notCleared(shard: string, key: string): ConnectionError {
  return new ConnectionError(
    `What shard "${shard}" still holds of "${key}", which is on another shard now, was not removed within ${SOON} ms. Nothing was changed. Call reshard() again.`,
    { code: 'NOT_CLEARED', key },
  )
}

/** Ms; less than any announcement lasts. */
const SOON = 150
const TRIES = 20

import type { Layout } from '../layout.js'
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
 * Removes from places that are to be used what nobody uses there now, while its key is in use elsewhere. It is a relic of when the key was
 * there before: of a process that was told of the last change too late, or of a shard that was out; and would be taken for current. Stops when
 * the change has been announced, by another process that has done the same.
 */
export async function clearNewPlaces({ from, to, lost, timeout, hasBegun }: Clearing): Promise<void> {
  const clocks = new Clocks(timeout)
  for (const shard of from.shards.filter((one) => to.shards.includes(one) && !lost.has(one.name))) {
    for (const node of await shard.driver.nodes()) {
      for await (const keys of pages(node, 1_000)) {
        const now = answered(await clocks.of(shard))
        if (await hasBegun()) return
        const doubles = await inUseElsewhere(keys.filter((key) => !isLeftToThemselves(key) && from.shardOf(key) !== shard && to.shardOf(key) === shard))
        for (const reply of await sendTo(shard, doubles.map((key) => ({ args: ['EVAL', leaveLua, '1', key, String(now + SOON)], keys: [key] })), timeout)) answered(reply)
      }
    }
  }

  /** Those that are in their present place: the proof that it is the one in use. */
  async function inUseElsewhere(keys: readonly string[]): Promise<readonly string[]> {
    const found: string[] = []
    for (const place of new Set(keys.map((key) => from.shardOf(key)))) {
      const some = lost.has(place.name) ? [] : keys.filter((key) => from.shardOf(key) === place)
      const replies = await sendTo(place, some.map((key) => ({ args: ['EXISTS', key], keys: [key] })), timeout)
      found.push(...some.filter((_, i) => answered(replies[i]) === 1))
    }
    return found
  }
}

/** Ms; less than any announcement lasts. */
const SOON = 100

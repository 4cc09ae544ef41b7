import { CacheError } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import clearLua from './clear.lua'
import { Clocks, sendTo } from './clocks.js'
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
 * Removes from places that are to be used what nobody uses there now. It is a relic of when the key was there before: of a process that was told
 * of the last change too late, or of a shard that was out; and would be taken for current. Stops when the change has been announced, by another
 * process that has done the same.
 */
export async function clearNewPlaces({ from, to, lost, timeout, hasBegun }: Clearing): Promise<void> {
  const clocks = new Clocks(timeout)
  for (const shard of from.shards.filter((one) => to.shards.includes(one) && !lost.has(one.name))) {
    for (const node of await shard.driver.nodes()) {
      for await (const keys of pages(node, 1_000)) {
        const relics = keys.filter((key) => !isLeftToThemselves(key) && from.shardOf(key) !== shard && to.shardOf(key) === shard)
        if (relics.length > 0 && !(await clear(shard, relics))) return
      }
    }
  }

  async function clear(shard: Shard, relics: readonly string[]): Promise<boolean> {
    const now = await clocks.of(shard)
    if (now instanceof CacheError) throw now
    if (await hasBegun()) return false
    const replies = await sendTo(shard, relics.map((key) => ({ args: ['EVAL', clearLua, '1', key, String(now + SOON)], keys: [key] })), timeout)
    for (const reply of replies) if (reply instanceof CacheError) throw reply
    return true
  }
}

/** Ms; less than any announcement lasts. */
const SOON = 100

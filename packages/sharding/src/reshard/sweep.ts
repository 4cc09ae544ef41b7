import { CacheError, type NodeHandle, type Reply } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Shard } from '../shard.js'
import { OWN } from './agreement.js'
import { Mover } from './mover.js'
import { answered } from './sending.js'

/**
 * Moves whatever is left in old places. `between` is called after each step. What can't be moved
 * holds up nothing else.
 *
 * @throws {CacheError} afterwards, if something could not be moved.
 */
export async function sweep(
  from: Layout,
  to: Layout,
  mover: Mover,
  shards: readonly Shard[],
  between: () => Promise<void>,
): Promise<void> {
  const failed: { readonly what: string; readonly error: unknown }[] = []
  for (const shard of shards) {
    try {
      for (const node of await shard.driver.nodes()) {
        for await (const keys of pages(node)) {
          const leaving = keys.filter(
            (key) =>
              !isLeftToThemselves(key) &&
              from.shardOf(key) === shard &&
              to.shardOf(key).name !== shard.name,
          )
          for (const place of new Set(leaving.map((key) => to.shardOf(key)))) {
            const some = leaving.filter((key) => to.shardOf(key) === place)
            const errors = await mover.carry(shard, place, some)
            // One by one, if together they were too large.
            for (const [i, key] of some.entries()) {
              const [error] = errors[i] ? await mover.carry(shard, place, [key]) : []
              if (error) failed.push({ what: `"${key}"`, error })
            }
          }
          await between()
        }
      }
    } catch (error) {
      failed.push({ what: `what else is on shard "${shard.name}"`, error })
    }
  }
  const [first] = failed
  if (first)
    throw new CacheError(
      `Not everything could be moved yet: ${first.what}${failed.length > 1 ? `, and ${failed.length - 1} more` : ''}. It is tried again.`,
      { code: 'RESHARD', cause: first.error },
    )
}

/** The package's own keys, which expire where they are. */
export function isLeftToThemselves(key: string): boolean {
  return key.startsWith(OWN) || Mover.isNote(key)
}

/**
 * @throws {CacheError} at the end, if it was not the same server all along: its cursors mean
 * nothing to another one, which may have left out keys.
 */
export async function* pages(node: NodeHandle, count = 100): AsyncGenerator<readonly string[]> {
  const server = await runOf(node)
  let cursor = '0'
  do {
    const [next, keys] = (await ask(node, 'SCAN', cursor, 'COUNT', String(count))) as readonly [
      string,
      readonly string[],
    ]
    cursor = next
    if (keys.length > 0) yield keys
  } while (cursor !== '0')
  if ((await runOf(node)) !== server)
    throw new CacheError(
      'A shard restarted, or another server took its place, while its keys were looked through. They have to be once more.',
      { code: 'RESHARD' },
    )
}

/** The same for as long as a server runs. */
async function runOf(node: NodeHandle): Promise<string | undefined> {
  return /^run_id:(\S+)/m.exec(String(await ask(node, 'INFO', 'server')))?.[1]
}

async function ask(node: NodeHandle, ...args: [string, ...string[]]): Promise<Reply> {
  const [reply] = await node.send([{ args, keys: [] }])
  return answered(reply)
}

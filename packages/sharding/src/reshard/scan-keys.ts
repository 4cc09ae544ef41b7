import { CacheError, type NodeHandle, type Reply } from '@cache/core'
import { unwrap } from './unwrap.js'

/**
 * Iterates over the keys of a node, one page after another.
 *
 * @throws {CacheError} at the end, if the server restarted or was replaced during the scan: the
 * cursors of one server mean nothing to another, so keys may have been left out.
 */
export async function* scanKeys(node: NodeHandle, count = 100): AsyncGenerator<readonly string[]> {
  const runId = await runIdOf(node)
  let cursor = '0'
  do {
    const [next, keys] = (await send(node, 'SCAN', cursor, 'COUNT', String(count))) as readonly [
      string,
      readonly string[],
    ]
    cursor = next
    if (keys.length > 0) yield keys
  } while (cursor !== '0')
  if ((await runIdOf(node)) !== runId)
    throw new CacheError(
      'A shard restarted, or another server took its place, while its keys were scanned. ' +
        'The scan has to be repeated.',
      { code: 'RESHARD' },
    )
}

/** Returns an id that changes whenever the server restarts. */
async function runIdOf(node: NodeHandle): Promise<string | undefined> {
  return /^run_id:(\S+)/m.exec(String(await send(node, 'INFO', 'server')))?.[1]
}

async function send(node: NodeHandle, ...args: [string, ...string[]]): Promise<Reply> {
  const reply = await node.send([{ args, keys: [] }])[0]!
  return unwrap(reply)
}

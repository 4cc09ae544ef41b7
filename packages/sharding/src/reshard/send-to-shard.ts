import { CacheError, type Command, type Reply } from '@cache/core'
import { redactedError } from '@cache/core/internal'
import type { Shard } from '../shard.js'

/** Sends commands to a shard. Never rejects: what failed is a `CacheError` in its position. */
export async function sendToShard(
  shard: Shard,
  commands: readonly Command[],
  timeout: number,
): Promise<readonly (Reply | CacheError)[]> {
  if (commands.length === 0) return []
  return shard.send(commands, timeout).catch((cause: unknown) => {
    const error = new CacheError(
      `The driver of shard "${shard.name}" threw instead of answering.`,
      { code: 'DRIVER', cause: redactedError(cause) },
    )
    return commands.map(() => error)
  })
}

/**
 * Returns a reply.
 *
 * @throws {CacheError} if the reply is an error.
 */
export function unwrap<T extends Reply>(reply: T | CacheError | undefined): T {
  if (reply instanceof CacheError) throw reply
  return reply as T
}

import { CacheError, type Command, type Reply } from '@cache/core'
import { redactedError } from '@cache/core/internal'
import type { Shard } from '../shard.js'

/** Never rejects. */
export async function sendTo(
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

/** @throws {CacheError} where it is one. */
export function answered<T extends Reply>(reply: T | CacheError | undefined): T {
  if (reply instanceof CacheError) throw reply
  return reply as T
}

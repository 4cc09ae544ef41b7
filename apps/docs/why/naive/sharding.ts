import type { Redis } from 'ioredis'

/** The shard of a key: a hash modulo the number of shards. */
export function shardOf(key: string, shards: readonly Redis[]): Redis {
  let hash = 0
  for (const character of key) hash = (hash * 31 + character.codePointAt(0)!) >>> 0
  return shards[hash % shards.length]!
}

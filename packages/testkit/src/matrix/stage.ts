import type { RedisCluster, RedisSentinel, RedisServer } from '@cache/testing'
import type { RawClient } from './client-variants.js'

/** What a case of the matrix gives to its suite. */
export interface Stage<D> extends AsyncDisposable {
  /**
   * Creates the object under test, on a new client that is not connected yet and that no other
   * caller uses. `stop()` ends the client.
   */
  driver(): D
  /**
   * Creates and connects a client of the library. On shards, it is a client of the first shard.
   * `stop()` ends it. In memory, it rejects.
   */
  raw(): Promise<RawClient>
  /** Defined if the topology is standalone. */
  readonly server: RedisServer | undefined
  readonly cluster: RedisCluster | undefined
  readonly sentinel: RedisSentinel | undefined
  /** The servers that hold keys. In memory, reading it throws. */
  readonly primaries: readonly RedisServer[]
  /** The version of the servers: `'7.0.15'`. In memory, `'memory'`. */
  readonly version: string
  /** Deletes all keys, on all primaries. */
  flush(): Promise<void>
  /** Ends the clients. The servers stay for the next case, and die with the process. */
  stop(): Promise<void>
}

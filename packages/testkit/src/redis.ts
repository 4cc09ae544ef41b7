import type { Address } from './command.js'
import { localMachine } from './machine/local.js'
import { launchServer } from './server.js'

export interface RedisOptions {
  /** The port; a free one where it is missing. */
  readonly port?: number
  /** Appends every write to a file, flushed each second or (`'always'`) before each reply: what was acknowledged survives a kill. */
  readonly aof?: boolean | 'always'
  /** Further lines of redis.conf: `{ maxmemory: '10mb', 'maxmemory-policy': 'allkeys-lru' }`. */
  readonly config?: Readonly<Record<string, string>>
  readonly password?: string
}

export interface RedisServer extends Address, AsyncDisposable {
  /** `redis://127.0.0.1:port`, with the password where there is one. */
  readonly url: string
  readonly password: string | undefined
  readonly pid: number
  /** Where it keeps its files; removed by `stop()`, or when the run ends. */
  readonly directory: string
  /** Redis' version, `'7.0.15'`; what Valkey claims to be compatible with. */
  readonly version: string
  readonly running: boolean
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGSTOP: the kernel still accepts connections and bytes, nobody answers. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): Promise<void>
  /** Ends it if it runs, and starts it on the same port and directory. Without `aof` it comes back empty. */
  restart(): Promise<void>
  /** SIGKILL, and removes the directory. */
  stop(): Promise<void>
  /** One command on a connection of its own; the reply as `redis-cli` would print it into a pipe. */
  cli(...command: [name: string, ...args: (string | number)[]]): Promise<string>
}

/**
 * A Redis of your own on a free port of 127.0.0.1, with nothing on disk unless `aof` is on. It dies with this process, also when that
 * is killed.
 *
 * @throws {StartError} with what the server said, when it does not come up.
 * @example
 * await using redis = await startRedis({ aof: 'always' })
 * await redis.cli('SET', 'key', 'value')
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return launchServer(localMachine('redis-server'), options)
}

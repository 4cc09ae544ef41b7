import type { Address } from './command.js'

/** Options of `startRedis`. */
export interface RedisOptions {
  /** The port. The default is a free port. */
  readonly port?: number
  /**
   * Appends every write to a file, so that acknowledged writes survive a kill. `true` flushes the
   * file every second, `'always'` before each reply.
   */
  readonly aof?: boolean | 'always'
  /** More lines of redis.conf: `{ maxmemory: '10mb', 'maxmemory-policy': 'allkeys-lru' }`. */
  readonly config?: Readonly<Record<string, string>>
  /** The password of the default user. The default is none. */
  readonly password?: string
  /** Enables `setClock`, where `canSetClock()` returns `true`. */
  readonly clock?: boolean
  /** Accepts a database of the server in `REDIS_URL`, if that variable is set. */
  readonly shared?: boolean
}

/** A Redis server of its own process, or a borrowed database of the server in `REDIS_URL`. */
export interface RedisServer extends Address, AsyncDisposable {
  /** `redis://127.0.0.1:port`, with the password and the database if there are any. */
  readonly url: string
  readonly password: string | undefined
  /** The number of the database: 0, except on a shared server. */
  readonly database: number
  /** The process id. @throws {Error} while the server is not running. */
  readonly pid: number
  /** The directory of its files, which `stop()` removes. It is empty on a shared server. */
  readonly directory: string
  /** The version of Redis, `'7.0.15'`. Valkey reports the version it claims compatibility with. */
  readonly version: string
  readonly running: boolean
  /** Sends SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>
  /** Sends SIGSTOP: the system still accepts connections and bytes, but the server is silent. */
  pause(): Promise<void>
  /** Sends SIGCONT. */
  resume(): Promise<void>
  /**
   * Ends the server if it is running, and starts it on the same port and directory. Without `aof`
   * all keys are gone.
   */
  restart(): Promise<void>
  /**
   * Fills the memory: Redis refuses commands that need more memory with OOM and evicts nothing,
   * until `empty()` or a restart. A replica still applies the writes of its primary.
   */
  fill(): Promise<void>
  /** Ends `fill()`: restores `maxmemory` and its policy from `config`. Keeps all keys. */
  empty(): Promise<void>
  /**
   * Sets the server's wall clock `offsetMs` ahead of this machine's, or behind it if negative. The
   * offset applies until the next call; 0 removes it. You can set it while the server is down, and
   * it survives a restart. The monotonic clock does not change.
   *
   * @throws {Error} without the option `clock`.
   */
  setClock(offsetMs: number): Promise<void>
  /** Deletes all keys. */
  flush(): Promise<void>
  /** Sends SIGKILL and removes the directory. */
  stop(): Promise<void>
  /**
   * Sends one command over its own connection and returns the reply as `redis-cli` prints it into a
   * pipe. Times out after 10 s.
   */
  cli(...command: [name: string, ...args: (string | number)[]]): Promise<string>
}

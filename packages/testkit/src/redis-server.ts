import type { Address } from './command.js'

export interface RedisOptions {
  /** The port; a free one where it is missing. */
  readonly port?: number
  /**
   * Appends every write to a file, flushed each second or (`'always'`) before each reply: what was
   * acknowledged survives a kill.
   */
  readonly aof?: boolean | 'always'
  /** Further lines of redis.conf: `{ maxmemory: '10mb', 'maxmemory-policy': 'allkeys-lru' }`. */
  readonly config?: Readonly<Record<string, string>>
  readonly password?: string
  /** Lets `setClock` change the server's clock, where `canSetClock()`. */
  readonly clock?: boolean
  /** A database of the server that `REDIS_URL` names will do, where it names one. */
  readonly shared?: boolean
}

export interface RedisServer extends Address, AsyncDisposable {
  /** `redis://127.0.0.1:port`, with the password and the database where there is one. */
  readonly url: string
  readonly password: string | undefined
  /** 0, except on a shared server. */
  readonly database: number
  /** @throws {Error} while it is not running. */
  readonly pid: number
  /** Where it keeps its files, until `stop()` removes them; empty on a shared server. */
  readonly directory: string
  /** Redis' version, `'7.0.15'`; of Valkey, the one it claims to be compatible with. */
  readonly version: string
  readonly running: boolean
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGSTOP: the system still accepts connections and bytes, nobody answers. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): Promise<void>
  /**
   * Ends it if it runs, and starts it on the same port and directory. Without `aof` it comes back
   * empty.
   */
  restart(): Promise<void>
  /**
   * Makes its memory full: commands that need more are refused with OOM, and nothing is evicted,
   * until `empty()` or a restart. A replica goes on applying what its primary sends.
   */
  fill(): Promise<void>
  /** Ends `fill()`: `maxmemory` and its policy are again what `config` says. Keeps all keys. */
  empty(): Promise<void>
  /**
   * Puts the server's clock `offsetMs` ahead of this machine's, or behind it where negative, until
   * the next call; 0 makes it right again. Works while it is down, and survives a restart. Only the
   * wall clock moves, as when somebody sets it: the monotonic clock goes on.
   *
   * @throws {Error} without the option `clock`.
   */
  setClock(offsetMs: number): Promise<void>
  /** Deletes all keys. */
  flush(): Promise<void>
  /** SIGKILL, and removes the directory. */
  stop(): Promise<void>
  /**
   * One command on a connection of its own; the reply as `redis-cli` prints it into a pipe. Gives
   * up after 10 s.
   */
  cli(...command: [name: string, ...args: (string | number)[]]): Promise<string>
}

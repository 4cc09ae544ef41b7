/** A place where servers run: this machine, or a container. */
export interface Machine {
  /** The address that servers bind to, so that this process reaches them on 127.0.0.1. */
  readonly bind: string
  /** Returns a free port. The port 10,000 above it is free too, for the bus of a Cluster node. */
  freePort(): Promise<number>
  /** Creates an empty directory for one server. It is removed with the run at the latest. */
  makeDirectory(): Promise<string>
  removeDirectory(directory: string): Promise<void>
  writeFile(path: string, text: string): Promise<void>
  /**
   * Starts a server with the redis.conf of this directory. Resolves once it accepts connections.
   *
   * @throws {StartError} when the server ends before that.
   */
  launch(
    directory: string,
    flags: readonly string[],
    environment?: Environment,
  ): Promise<ServerProcess>
}

/** Environment variables of a server, in addition to those of this process. */
export type Environment = Readonly<Record<string, string>>

/**
 * Returns the start of a command line that sets environment variables. `env` replaces itself with
 * the command, so the pid stays the same.
 */
export function withEnvironment(environment: Environment = {}): readonly string[] {
  return ['env', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)]
}

export const CONFIG_FILE = 'redis.conf'

export type Signal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface ServerProcess {
  readonly pid: number
  readonly running: boolean
  /** Sends a signal. Does nothing if the process is gone. */
  signal(signal: Signal): Promise<void>
  /** Resolves when the process is gone. */
  exited(): Promise<void>
}

/** Matches the log of a server that accepts connections, in server mode and in Sentinel mode. */
export const ACCEPTING = /Ready to accept connections|Sentinel ID is/

/** A server ended before it accepted connections. The message contains its log. */
export class StartError extends Error {
  override name = 'StartError'
  readonly portTaken: boolean

  constructor(log: string) {
    super(`The Redis server ended before it accepted connections. Its log:\n${log.trim()}`)
    this.portTaken = /Address already in use|Failed listening on port/i.test(log)
  }
}

/** Where servers run: this machine, or a container. */
export interface Machine {
  /** The address servers listen on, so that this process reaches them on 127.0.0.1. */
  readonly bind: string
  /** A port that is free there, and 10,000 above it another for the bus of a Cluster's node. */
  freePort(): Promise<number>
  /** An empty directory for one server, removed with the run at the latest. */
  makeDirectory(): Promise<string>
  removeDirectory(directory: string): Promise<void>
  writeFile(path: string, text: string): Promise<void>
  /**
   * Starts a server with the redis.conf of this directory; resolves once it accepts connections.
   *
   * @throws {StartError} when it ends before that.
   */
  launch(
    directory: string,
    flags: readonly string[],
    environment?: Environment,
  ): Promise<ServerProcess>
}

/** Environment variables of a server, besides those of this process. */
export type Environment = Readonly<Record<string, string>>

/**
 * The beginning of a command line that sets them. `env` becomes the command: the pid is the same.
 */
export function withEnvironment(environment: Environment = {}): readonly string[] {
  return ['env', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)]
}

export const CONFIG_FILE = 'redis.conf'

export type Signal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface ServerProcess {
  readonly pid: number
  readonly running: boolean
  /** Nothing where the process is gone. */
  signal(signal: Signal): Promise<void>
  /** Resolves when the process is gone. */
  exited(): Promise<void>
}

/** What a log holds once the server accepts connections: in server mode, and in Sentinel mode. */
export const ACCEPTING = /Ready to accept connections|Sentinel ID is/

/** A server ended before it accepted connections; the message holds its log. */
export class StartError extends Error {
  override name = 'StartError'
  readonly portTaken: boolean

  constructor(log: string) {
    super(`The Redis server ended before it accepted connections. It said:\n${log.trim()}`)
    this.portTaken = /Address already in use|Failed listening on port/i.test(log)
  }
}

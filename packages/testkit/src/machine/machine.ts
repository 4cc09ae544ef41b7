/** Where servers run: this machine, or a container. */
export interface Machine {
  /** A port that a server may listen on and that this process can reach on 127.0.0.1. */
  freePort(): Promise<number>
  /** An empty directory for one server, removed with the run at the latest. */
  makeDirectory(): Promise<string>
  removeDirectory(directory: string): Promise<void>
  /** Writes a file unless it is there. */
  writeFile(path: string, text: string): Promise<void>
  /** Starts `redis-server` with these arguments; resolves once it accepts connections. */
  launch(args: readonly string[]): Promise<ServerProcess>
}

export type Signal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface ServerProcess {
  readonly pid: number
  readonly running: boolean
  signal(signal: Signal): Promise<void>
  /** Resolves when the process is gone. */
  exited(): Promise<void>
}

/** A server ended before it accepted connections. */
export class StartError extends Error {
  override name = 'StartError'
  readonly portTaken: boolean

  constructor(args: readonly string[], output: string) {
    super(`redis-server ${args.join(' ')} ended before it accepted connections. It said:\n${output}`)
    this.portTaken = /Address already in use|Failed listening on port/i.test(output)
  }
}

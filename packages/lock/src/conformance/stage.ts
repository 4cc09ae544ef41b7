/**
 * A process that runs `runContender`. `spawnProcesses` of a test kit creates such a process, for
 * example.
 */
export interface ContenderProcess {
  send(message: unknown): void
  next<T>(wanted?: undefined, options?: { readonly timeout?: number }): Promise<T>
  /** Sends SIGKILL. */
  kill(): Promise<void>
  /** Sends SIGSTOP. */
  pause(): void
  /** Sends SIGCONT. */
  resume(): void
}

/** The network between one contender and its servers. */
export interface Network {
  /** Closes its connections, and refuses new ones. */
  cut(): Promise<void>
  /** Drops bytes from now on, while the connections stay open. */
  swallow(direction: 'replies' | 'both'): void
  /**
   * Holds back the next request on each connection that is open now, and then closes that
   * connection for the contender. New connections work. Returns a function that delivers those
   * requests to the servers, late, and resolves when the servers have executed them.
   *
   * Tests of late requests are skipped if this method is missing.
   */
  keepBack?(): () => Promise<void>
  /** Restores normal operation. */
  pass(): Promise<void>
}

/**
 * The environment of one test: contenders in processes of their own, and the running servers on
 * which they contend. Consecutive tests may share contenders and servers.
 */
export interface LockStage extends AsyncDisposable {
  /** At least three. */
  readonly contenders: readonly { readonly process: ContenderProcess; readonly network: Network }[]
  /** Executes FLUSHALL. If there are several independent servers, on one of them. */
  flush(): Promise<void>
  /**
   * Stops a server and starts it again without its data. If there are several independent servers,
   * one of them.
   */
  restart(): Promise<void>
}

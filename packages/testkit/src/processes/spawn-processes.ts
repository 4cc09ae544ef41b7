import { fork, spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { GROUP_POSITION } from './child-process.js'
import { Mailbox, type NextOptions, type Wanted } from './mailbox.js'

export interface SpawnOptions {
  /** The number of processes. The default is 1. */
  readonly count?: number
  /** A value for all processes. It must survive JSON. */
  readonly data?: unknown
  /** More environment variables. */
  readonly env?: Readonly<Record<string, string>>
  /** More options of Node: `['--expose-gc']`. */
  readonly execArgv?: readonly string[]
}

export interface SpawnedProcess {
  readonly index: number
  readonly pid: number
  /** The output on stderr so far. */
  readonly stderr: string
  /** Resolves when the process is gone. Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Sends anything that structured clone can carry. @throws {Error} when the process is gone. */
  send(message: unknown): void
  /**
   * Waits for the next message of this process. Pass a `type` (or a text) or a predicate to wait
   * for a certain message. Earlier messages that were not taken yet count.
   *
   * @throws {Error} when no message came in time, or the process ended. The message contains its
   * stderr.
   */
  next<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T>
  /** Sends a signal, by default SIGKILL. Resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Sends SIGSTOP: the process gets no CPU time, but its sockets stay open and clocks go on. */
  freeze(): void
  /** Sends SIGCONT. */
  thaw(): void
}

export interface ProcessGroup extends AsyncDisposable {
  readonly processes: readonly SpawnedProcess[]
  /** Sends the same message to each process. */
  send(message: unknown): void
  /** Waits for one message of each process, and returns them in the order of the processes. */
  all<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T[]>
  /** Kills the processes that are still running. */
  stop(): Promise<void>
}

/**
 * Runs a TypeScript or JavaScript file in `count` processes. They call `childProcess()` to exchange
 * messages with this one. They die with this process, even if it is killed or they are frozen.
 *
 * @example
 * const file = new URL('./worker.ts', import.meta.url)
 * await using group = spawnProcesses(file, { count: 4, data: { url: redis.url } })
 * await group.all('ready')
 */
export function spawnProcesses(file: URL | string, options: SpawnOptions = {}): ProcessGroup {
  const path = file instanceof URL ? fileURLToPath(file) : file
  const { count = 1 } = options
  const processes = Array.from({ length: count }, (_, index) => new Spawned(path, index, options))
  const stop = async () => void (await Promise.all(processes.map((process) => process.kill())))
  return {
    processes,
    send: (message) => processes.forEach((process) => process.send(message)),
    all: <T>(wanted?: Wanted<T>, nextOptions?: NextOptions) =>
      Promise.all(processes.map((process) => process.next<T>(wanted, nextOptions))),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

class Spawned implements SpawnedProcess {
  readonly index: number
  readonly exited: SpawnedProcess['exited']
  stderr = ''
  readonly #name: string
  readonly #child: ChildProcess
  readonly #mailbox: Mailbox

  constructor(path: string, index: number, { count = 1, data, env, execArgv = [] }: SpawnOptions) {
    this.index = index
    this.#name = `Process ${index} (${basename(path)})`
    this.#mailbox = new Mailbox(this.#name)
    this.#child = fork(path, [], {
      execArgv: [...(isTypeScript(path) ? ['--import', tsx()] : []), ...execArgv],
      env: { ...process.env, ...env, [GROUP_POSITION]: JSON.stringify({ index, count, data }) },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    guard(this.#child)
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    this.#child.on('message', (message) => this.#mailbox.push(message))
    // `close` comes after stdio and the channel have ended, and so after the last message.
    this.exited = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => resolve({ code, signal })),
    )
    void this.exited.then(({ code, signal }) => this.#mailbox.end(this.#exitError(code, signal)))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  send(message: unknown): void {
    if (!this.#child.connected) throw new Error(`${this.#name} is gone.`)
    this.#child.send(message as object, () => undefined)
  }

  next<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T> {
    return this.#mailbox.next<T>(wanted, options)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal)
    await this.exited
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  #exitError(code: number | null, signal: NodeJS.Signals | null): Error {
    const how = signal === null ? `with code ${code}` : `by ${signal}`
    const stderr = this.stderr === '' ? '' : ` Its stderr:\n${this.stderr.trim()}`
    return new Error(`${this.#name} ended ${how} before it sent the expected message.${stderr}`)
  }
}

function isTypeScript(path: string): boolean {
  return /\.[cm]?tsx?$/.test(path)
}

/** Returns this package's tsx, whatever is installed in the directory of the file. */
function tsx(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
}

/**
 * Kills the child when this process is gone. A frozen child, or one in an endless loop, does not
 * notice that its parent is gone; a shell that reads from a pipe does.
 */
function guard(child: ChildProcess): void {
  if (child.pid === undefined) return
  const shell = spawn(
    '/bin/sh',
    ['-c', 'trap "" TERM HUP INT; read -r _ || kill -KILL "$1"', 'guard', String(child.pid)],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  )
  shell.unref()
  shell.stdin.on('error', () => undefined)
  child.once('exit', () => shell.stdin.end('dismissed\n'))
}

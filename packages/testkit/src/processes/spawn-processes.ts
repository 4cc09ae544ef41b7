import { fork, spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PLACE } from './child-process.js'
import { Mailbox, type NextOptions, type Wanted } from './mailbox.js'

export interface SpawnOptions {
  /** 1 where it is missing. */
  readonly count?: number
  /** For all of them; must survive JSON. */
  readonly data?: unknown
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>
  /** Further options of Node: `['--expose-gc']`. */
  readonly execArgv?: readonly string[]
}

export interface SpawnedProcess {
  readonly index: number
  readonly pid: number
  /** What it wrote to stderr so far. */
  readonly stderr: string
  /** When it is gone. Never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Whatever structured clone can carry. @throws {Error} when the process is gone. */
  send(message: unknown): void
  /**
   * The next message of this process: any, of a `type` (or equal to a text), or one that fits. What
   * came earlier and was not taken yet counts.
   *
   * @throws {Error} when none came in time, or the process ended: with its stderr.
   */
  next<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T>
  /** SIGKILL unless told; resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** SIGSTOP: the process gets no CPU time, while its sockets stay open and its clocks go on. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
}

export interface ProcessGroup extends AsyncDisposable {
  readonly processes: readonly SpawnedProcess[]
  /** The same message to each. */
  send(message: unknown): void
  /** One message of each, in the order of the processes. */
  all<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T[]>
  /** Kills those that are still there. */
  stop(): Promise<void>
}

/**
 * Runs a TypeScript or JavaScript file as so many processes, which call `childProcess()` to talk to
 * this one. They die with it, also when it is killed and they are frozen.
 *
 * @example
 * await using group = spawnProcesses(new URL('./worker.ts', import.meta.url), { count: 4, data: { url: redis.url } })
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
    all: <T>(wanted?: Wanted<T>, patience?: NextOptions) =>
      Promise.all(processes.map((process) => process.next<T>(wanted, patience))),
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
      env: { ...process.env, ...env, [PLACE]: JSON.stringify({ index, count, data }) },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    guard(this.#child)
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    this.#child.on('message', (message) => this.#mailbox.push(message))
    // After stdio and the channel have ended: the last words came before.
    this.exited = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => resolve({ code, signal })),
    )
    void this.exited.then(({ code, signal }) => this.#mailbox.end(this.#gone(code, signal)))
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

  #gone(code: number | null, signal: NodeJS.Signals | null): Error {
    const how = signal === null ? `with code ${code}` : `by ${signal}`
    return new Error(
      `${this.#name} ended ${how} before it sent what was waited for.${this.stderr === '' ? '' : ` Its stderr:\n${this.stderr.trim()}`}`,
    )
  }
}

function isTypeScript(path: string): boolean {
  return /\.[cm]?tsx?$/.test(path)
}

/** Ours, whatever the directory of the file has installed. */
function tsx(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
}

/**
 * A frozen process, or one in an endless loop, does not notice that its parent is gone; a shell
 * that waits on a pipe does.
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

import { join } from 'node:path'
import { INITIAL_CLOCK, clockEnvironment, writeOffset } from './clock/preload.js'
import { sendCommands, formatReply, sendCommand } from './command.js'
import { untilPortsAreFree } from './free-port.js'
import { CONFIG_FILE, type Machine, type ServerProcess } from './machine/machine.js'
import type { RedisOptions, RedisServer } from './redis-server.js'

export interface LaunchOptions extends Omit<RedisOptions, 'shared'> {
  /** Files to create in the server's directory before it starts, by name. */
  readonly files?: Readonly<Record<string, string>>
  readonly sentinel?: boolean
}

/** Starts a server, and tries another free port if the first one was taken in the meantime. */
export async function launchServer(
  machine: Machine,
  options: LaunchOptions = {},
): Promise<RedisServer> {
  if (options.port !== undefined) return launchOn(machine, options.port, options)
  return untilPortsAreFree(async () => launchOn(machine, await machine.freePort(), options))
}

/**
 * Waits for several launches. Returns all servers, or stops those that started and throws the error
 * of the first launch that failed.
 */
export async function launchTogether<S extends RedisServer>(
  launches: readonly Promise<S>[],
): Promise<readonly S[]> {
  const settled = await Promise.allSettled(launches)
  const servers = settled.flatMap((launch) => (launch.status === 'fulfilled' ? [launch.value] : []))
  const failed = settled.find((launch) => launch.status === 'rejected')
  if (failed === undefined) return servers
  await stopAll(servers)
  throw failed.reason
}

export async function stopAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()))
}

async function launchOn(
  machine: Machine,
  port: number,
  options: LaunchOptions,
): Promise<RedisServer> {
  const server = new OwnServer(machine, port, options)
  try {
    await server.start()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

const CLOCK_FILE = 'clock'

class OwnServer implements RedisServer {
  readonly host = '127.0.0.1'
  readonly database = 0
  readonly port: number
  readonly password: string | undefined
  directory = ''
  version = ''
  readonly #machine: Machine
  readonly #options: LaunchOptions
  #process: ServerProcess | undefined

  constructor(machine: Machine, port: number, options: LaunchOptions) {
    this.port = port
    this.password = options.password
    this.#machine = machine
    this.#options = options
  }

  get url(): string {
    const access = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`
    return `redis://${access}${this.host}:${this.port}`
  }

  get pid(): number {
    return this.#runningProcess().pid
  }

  get running(): boolean {
    return this.#process?.running === true
  }

  async start(): Promise<void> {
    this.directory = await this.#machine.makeDirectory()
    const clock = this.#options.clock === true ? { [CLOCK_FILE]: INITIAL_CLOCK } : {}
    const files = { ...this.#options.files, ...clock, [CONFIG_FILE]: this.#configuration() }
    await Promise.all(
      Object.entries(files).map(([name, text]) =>
        this.#machine.writeFile(join(this.directory, name), text),
      ),
    )
    await this.#launch()
    this.version = /redis_version:(\S+)/.exec(await this.cli('INFO', 'server'))?.[1] ?? 'unknown'
  }

  async kill(): Promise<void> {
    if (this.running) await this.#end('SIGKILL')
  }

  async pause(): Promise<void> {
    await this.#runningProcess().signal('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.#runningProcess().signal('SIGCONT')
  }

  async restart(): Promise<void> {
    if (this.directory === '')
      throw new Error(
        `The Redis on port ${this.port} was stopped and its directory removed: start another one.`,
      )
    if (this.running) await this.#end('SIGTERM')
    await this.#launch()
  }

  async stop(): Promise<void> {
    await this.kill()
    if (this.directory !== '') await this.#machine.removeDirectory(this.directory)
    this.directory = ''
  }

  // Sets the policy first: with another policy, the new limit would evict keys.
  async fill(): Promise<void> {
    await sendCommands(this, [
      ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'],
      ['CONFIG', 'SET', 'maxmemory', 1],
    ])
  }

  // Sets the limit first, for the same reason.
  async empty(): Promise<void> {
    const { maxmemory = '0', 'maxmemory-policy': policy = 'noeviction' } =
      this.#options.config ?? {}
    await sendCommands(this, [
      ['CONFIG', 'SET', 'maxmemory', maxmemory],
      ['CONFIG', 'SET', 'maxmemory-policy', policy],
    ])
  }

  async setClock(offsetMs: number): Promise<void> {
    if (this.#options.clock !== true)
      throw new Error(
        `The clock of the Redis on port ${this.port} can't be set: start it with { clock: true }.`,
      )
    await writeOffset(join(this.directory, CLOCK_FILE), offsetMs)
  }

  async flush(): Promise<void> {
    await sendCommand(this, ['FLUSHALL'])
  }

  async cli(...command: [name: string, ...args: (string | number)[]]): Promise<string> {
    return formatReply(await sendCommand(this, command))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #launch(): Promise<void> {
    const { sentinel, clock } = this.#options
    const environment = clock === true ? clockEnvironment(join(this.directory, CLOCK_FILE)) : {}
    this.#process = await this.#machine.launch(
      this.directory,
      sentinel === true ? ['--sentinel'] : [],
      environment,
    )
  }

  /** Ends the process. A paused process handles SIGTERM only after SIGCONT. */
  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const process = this.#runningProcess()
    await process.signal(signal)
    if (signal === 'SIGTERM') await process.signal('SIGCONT')
    await process.exited()
  }

  #runningProcess(): ServerProcess {
    if (this.#process?.running !== true)
      throw new Error(`The Redis on port ${this.port} is not running: it was killed or stopped.`)
    return this.#process
  }

  #configuration(): string {
    const { sentinel = false, aof = false, config = {} } = this.#options
    const access =
      this.password === undefined
        ? {}
        : { requirepass: JSON.stringify(this.password), masterauth: JSON.stringify(this.password) }
    const network = {
      port: String(this.port),
      bind: this.#machine.bind,
      'protected-mode': 'no',
      dir: JSON.stringify(this.directory),
    }
    const storage = {
      save: '',
      appendonly: aof === false ? 'no' : 'yes',
      appendfsync: aof === 'always' ? 'always' : 'everysec',
    }
    const lines = { ...network, ...(sentinel ? {} : { ...access, ...storage }), ...config }
    return Object.entries(lines).reduce(
      (text, [name, value]) => `${text}${name} ${value === '' ? '""' : value}\n`,
      '',
    )
  }
}

import { join } from 'node:path'
import { asText, ask } from './command.js'
import { StartError, type Machine, type ServerProcess } from './machine/machine.js'
import type { RedisOptions, RedisServer } from './redis.js'

export interface LaunchOptions extends RedisOptions {
  /** Files that stand in the server's directory before it starts, by name. */
  readonly files?: Readonly<Record<string, string>>
  readonly mode?: 'server' | 'sentinel'
}

/** A server on this machine; on another free port if somebody took the chosen one in the meantime. */
export async function launchServer(machine: Machine, options: LaunchOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new OwnServer(machine, options.port ?? (await machine.freePort()), options)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      if (!(error instanceof StartError && error.portTaken && options.port === undefined && attempt < 5)) throw error
    }
  }
}

class OwnServer implements RedisServer {
  readonly host = '127.0.0.1'
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
    return `redis://${this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`}${this.host}:${this.port}`
  }

  get pid(): number {
    return this.#alive().pid
  }

  get running(): boolean {
    return this.#process?.running === true
  }

  async start(): Promise<void> {
    this.directory = await this.#machine.makeDirectory()
    const files = { ...this.#options.files, [CONFIG]: configuration(this.port, this.directory, this.#options) }
    await Promise.all(Object.entries(files).map(([name, text]) => this.#machine.writeFile(join(this.directory, name), text)))
    await this.#launch()
    this.version = /redis_version:(\S+)/.exec(await this.cli('INFO', 'server'))?.[1] ?? 'unknown'
  }

  async kill(): Promise<void> {
    if (!this.running) return
    await this.#end('SIGKILL')
  }

  async pause(): Promise<void> {
    await this.#alive().signal('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.#alive().signal('SIGCONT')
  }

  async restart(): Promise<void> {
    if (this.directory === '') throw new Error(`The Redis on port ${this.port} was stopped, and its directory removed: start another one.`)
    if (this.running) await this.#end('SIGTERM')
    await this.#launch()
  }

  async stop(): Promise<void> {
    await this.kill()
    if (this.directory !== '') await this.#machine.removeDirectory(this.directory)
    this.directory = ''
  }

  async cli(...command: [name: string, ...args: (string | number)[]]): Promise<string> {
    return asText(await ask(this, command))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #launch(): Promise<void> {
    const mode = this.#options.mode === 'sentinel' ? ['--sentinel'] : []
    this.#process = await this.#machine.launch([join(this.directory, CONFIG), ...mode])
  }

  /** A stopped process sees SIGTERM only when it continues. */
  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const process = this.#alive()
    await process.signal(signal)
    await process.signal('SIGCONT')
    await process.exited()
  }

  #alive(): ServerProcess {
    if (this.#process?.running !== true) throw new Error(`The Redis on port ${this.port} is not running: it was killed or stopped.`)
    return this.#process
  }
}

const CONFIG = 'redis.conf'

function configuration(port: number, directory: string, { mode, aof = false, password, config = {} }: LaunchOptions): string {
  const common = { port: String(port), bind: '127.0.0.1', dir: quoted(directory), ...(password === undefined ? {} : { requirepass: quoted(password) }) }
  const storage = { save: '', appendonly: aof === false ? 'no' : 'yes', appendfsync: aof === 'always' ? 'always' : 'everysec' }
  const lines = { ...common, ...(mode === 'sentinel' ? {} : storage), ...config }
  return Object.entries(lines)
    .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
    .join('')
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '@cache/testkit'

const app = fileURLToPath(new URL('./app', import.meta.url))

type Environment = Readonly<Record<string, string | undefined>>

function next(args: readonly string[], env: Environment, folder = app) {
  const child = spawn(process.execPath, ['run.mjs', ...args], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      VITEST: undefined,
      NODE_OPTIONS: undefined,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return { child, output: () => output }
}

/** A copy of the application beside it, which can have a build of its own. */
export class AppCopy implements Disposable {
  readonly folder = mkdtempSync(`${app}-`)

  constructor() {
    const filter = (path: string): boolean => basename(path) !== '.next'
    cpSync(app, this.folder, { recursive: true, filter })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Builds the application, and returns what Next.js has printed. */
export async function buildApp(env: Environment, folder?: string): Promise<string> {
  const { child, output } = next(['build'], env, folder)
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`next build ended with ${code}:\n${output()}`)
  return output()
}

/** A server of the application. */
export class AppInstance {
  readonly url: string
  readonly output: () => string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess, output: () => string) {
    this.url = url
    this.output = output
    this.#child = child
  }

  static async start(env: Environment, folder?: string): Promise<AppInstance> {
    const port = await freePort()
    const { child, output } = next(['start', '-H', '127.0.0.1', '-p', String(port)], env, folder)
    const instance = new AppInstance(`http://127.0.0.1:${port}`, child, output)
    const isUp = async () => {
      if (child.exitCode !== null) return true
      return (await fetch(`${instance.url}/action`, { method: 'HEAD' })).status > 0
    }
    await eventually(isUp, { within: 60_000, every: 100 })
    if (child.exitCode !== null) throw new Error(`next start ended:\n${output()}`)
    return instance
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit')
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await exited
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await close(server)
  return port
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

/** What the application renders: a server that counts, and that can make its callers wait. */
export class Source {
  readonly counts = new Map<string, number>()
  #gate: Promise<void> | undefined
  #server: Server | undefined

  async start(): Promise<string> {
    const server = createServer(async (request, response) => {
      const name = request.url!.slice(1)
      const count = (this.counts.get(name) ?? 0) + 1
      this.counts.set(name, count)
      await this.#gate
      response.end(`${name} ${count}`)
    }).listen(0, '127.0.0.1')
    this.#server = server
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** Makes all callers wait until the returned function is called. */
  hold(): () => void {
    let open!: () => void
    this.#gate = new Promise((resolve) => (open = resolve))
    return () => {
      this.#gate = undefined
      open()
    }
  }

  async stop(): Promise<void> {
    if (this.#server) await close(this.#server)
  }
}

/** Sends each request to the next of the instances, as a load balancer does. */
export class RoundRobin {
  #next = 0
  #server: Server | undefined

  async start(instances: readonly AppInstance[]): Promise<string> {
    const server = createServer(async (request, response) => {
      const { url } = instances[this.#next++ % instances.length]!
      const answer = await fetch(url + request.url, { method: request.method! })
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
    }).listen(0, '127.0.0.1')
    this.#server = server
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    if (this.#server) await close(this.#server)
  }
}

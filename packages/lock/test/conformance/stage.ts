import {
  spawnProcesses,
  startProxy,
  startRedis,
  type ProcessGroup,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import type { ContenderProcess, LockStage } from '../../src/conformance/index.js'

export interface StageOptions {
  readonly kind: 'locks' | 'redlock' | 'naive'
  readonly client: 'ioredis' | 'node-redis'
  /** How many servers. */
  readonly servers: number
}

/**
 * Servers, and three contenders, each with a proxy of its own before each server. The tests of one
 * suite share them.
 */
export class Stages implements AsyncDisposable {
  readonly #options: StageOptions
  readonly #contenders: Contender[] = []
  #servers: readonly RedisServer[] = []

  constructor(options: StageOptions) {
    this.#options = options
  }

  readonly next = async (): Promise<LockStage> => {
    const { servers: count } = this.#options
    if (this.#servers.length === 0)
      this.#servers = await Promise.all(Array.from({ length: count }, () => startRedis()))
    const [first] = this.#servers as [RedisServer]
    while (this.#contenders.length < 3)
      this.#contenders.push(
        new Contender(
          this.#options,
          await Promise.all(this.#servers.map((server) => startProxy(server))),
        ),
      )
    return {
      contenders: await Promise.all(this.#contenders.map((contender) => contender.forNextTest())),
      flush: () => first.flush(),
      restart: () => first.restart(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#contenders.map((contender) => contender.stop()))
    await Promise.all(this.#servers.map((server) => server.stop()))
  }
}

class Contender {
  readonly #options: StageOptions
  readonly #proxies: readonly TcpProxy[]
  #group: ProcessGroup | undefined
  /** Who hears what it says: the test that runs now. */
  #hear: (message: unknown) => void = () => undefined

  constructor(options: StageOptions, proxies: readonly TcpProxy[]) {
    this.#options = options
    this.#proxies = proxies
  }

  async forNextTest(): Promise<LockStage['contenders'][number]> {
    const proxies = this.#proxies
    await Promise.all(proxies.map((proxy) => proxy.pass()))
    this.#group ??= await this.#spawn()
    const [process] = this.#group.processes as [ProcessGroup['processes'][number]]
    process.thaw()
    const heard: unknown[] = []
    let waiting: ((message: unknown) => void) | undefined
    this.#hear = (message) => {
      if (waiting) waiting(message)
      else heard.push(message)
      waiting = undefined
    }
    const talking: ContenderProcess = {
      send: (message) => process.send(message),
      next: <T>() =>
        new Promise<T>((resolve) => {
          if (heard.length > 0) resolve(heard.shift() as T)
          else waiting = resolve as (message: unknown) => void
        }),
      kill: async () => {
        this.#group = undefined
        await process.kill()
      },
      pause: () => process.freeze(),
      resume: () => process.thaw(),
    }
    return {
      process: talking,
      network: {
        cut: async () => void (await Promise.all(proxies.map((proxy) => proxy.cut()))),
        swallow: (direction) => proxies.forEach((proxy) => proxy.swallow(direction)),
        keepBack() {
          const kept = proxies.map((proxy) => ({ proxy, requests: proxy.hold(), dropped: false }))
          const watching = setInterval(() => {
            for (const one of kept) {
              if (one.dropped || one.requests.bytes === 0) continue
              one.dropped = true
              one.proxy.drop()
            }
          }, 5)
          return async () => {
            clearInterval(watching)
            for (const { requests } of kept) await requests.deliver()
          }
        },
        pass: async () => void (await Promise.all(proxies.map((proxy) => proxy.pass()))),
      },
    }
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
    await Promise.all(this.#proxies.map((proxy) => proxy.close()))
  }

  async #spawn(): Promise<ProcessGroup> {
    const { kind, client } = this.#options
    const group = spawnProcesses(new URL('./contender.js', import.meta.url), {
      data: { kind, client, urls: this.#proxies.map(({ url }) => url) },
    })
    await group.all('ready')
    const [process] = group.processes as [ProcessGroup['processes'][number]]
    const listen = async (): Promise<void> => {
      for (;;) {
        const message = await process.next(undefined, { timeout: 2 ** 31 - 1 })
        this.#hear(message)
      }
    }
    listen().catch(() => undefined) // it has ended
    return group
  }
}

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
  /** The number of servers. */
  readonly servers: number
}

/**
 * Creates stages for the tests of one suite. The tests share the servers and three contenders. Each
 * contender has its own proxy for each server.
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

/** A contender process with its proxies. It is restarted if a test killed it. */
class Contender {
  readonly #options: StageOptions
  readonly #proxies: readonly TcpProxy[]
  #group: ProcessGroup | undefined
  /** Passes messages of the process to the current test. */
  #onMessage: (message: unknown) => void = () => undefined

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
    const messages: unknown[] = []
    let receiver: ((message: unknown) => void) | undefined
    this.#onMessage = (message) => {
      if (receiver) receiver(message)
      else messages.push(message)
      receiver = undefined
    }
    const contenderProcess: ContenderProcess = {
      send: (message) => process.send(message),
      next: <T>() =>
        new Promise<T>((resolve) => {
          if (messages.length > 0) resolve(messages.shift() as T)
          else receiver = resolve as (message: unknown) => void
        }),
      kill: async () => {
        this.#group = undefined
        await process.kill()
      },
      pause: () => process.freeze(),
      resume: () => process.thaw(),
    }
    return {
      process: contenderProcess,
      network: {
        cut: async () => void (await Promise.all(proxies.map((proxy) => proxy.cut()))),
        swallow: (direction) => proxies.forEach((proxy) => proxy.swallow(direction)),
        keepBack() {
          const heldBack = proxies.map((proxy) => ({
            proxy,
            requests: proxy.hold(),
            dropped: false,
          }))
          const timer = setInterval(() => {
            for (const held of heldBack) {
              if (held.dropped || held.requests.bytes === 0) continue
              held.dropped = true
              held.proxy.drop()
            }
          }, 5)
          return async () => {
            clearInterval(timer)
            for (const { requests } of heldBack) await requests.deliver()
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
        this.#onMessage(message)
      }
    }
    listen().catch(() => undefined) // the process has ended
    return group
  }
}

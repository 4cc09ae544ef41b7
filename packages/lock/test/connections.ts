import type { CacheClient } from '@cache/core'
import { startProxy, startRedis, type RedisOptions, type RedisServer, type TcpProxy } from '@cache/testkit'
import { connect, hasty, type driverNames } from './drivers.js'

/** A server, a client behind a proxy, and one that reaches it directly. */
export interface Line extends AsyncDisposable {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  readonly client: CacheClient
  readonly other: CacheClient
}

export async function openLine(driver: (typeof driverNames)[number], options: RedisOptions = {}): Promise<Line> {
  const server = await startRedis(options)
  const proxy = await startProxy(server)
  const [behind, direct] = [connect(driver, proxy.url, hasty), connect(driver, server.url, hasty)]
  return {
    server,
    proxy,
    client: behind.client,
    other: direct.client,
    async [Symbol.asyncDispose]() {
      await Promise.all([behind[Symbol.asyncDispose](), direct[Symbol.asyncDispose]()])
      await proxy.close()
      await server.stop()
    },
  }
}

/** Calls `sent` right before the first call of a script leaves, and `then` behind it. */
export function intercept(client: CacheClient, script: string, sent: () => void, then: () => Promise<void>): CacheClient {
  let done = false
  return {
    ...client,
    run: (which, ...rest) => {
      if (done || which.name !== script) return client.run(which, ...rest)
      done = true
      sent()
      const reply = client.run(which, ...rest)
      void then()
      return reply
    },
  }
}

/** A client whose every script is executed twice, as where a driver sends again what got no reply. `repeat` executes all of them again. */
export class Echo {
  readonly client: CacheClient
  readonly #sent: { readonly name: string; send(): Promise<unknown> }[] = []

  constructor(client: CacheClient) {
    this.client = {
      ...client,
      run: async (script, ...rest) => {
        const send = (): Promise<unknown> => client.run(script, ...rest)
        if (!script.asks) this.#sent.push({ name: script.name, send })
        await client.run(script, ...rest)
        return client.run(script, ...rest)
      },
    }
  }

  /** What was sent so far, of one script or of all, arrives once more. */
  async repeat(script?: string): Promise<void> {
    for (const { name, send } of [...this.#sent]) if (script === undefined || name === script) await send()
  }
}

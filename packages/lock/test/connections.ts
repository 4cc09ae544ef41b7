import { CacheError, type CacheClient } from '@cache/core'
import {
  startProxy,
  startRedis,
  type RedisOptions,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { connect, hasty, type driverNames } from './drivers.js'

/** A server, a client behind a proxy, and one that reaches it directly. */
export interface Line extends AsyncDisposable {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  readonly client: CacheClient
  readonly other: CacheClient
}

export async function openLine(
  driver: (typeof driverNames)[number],
  options: RedisOptions = {},
): Promise<Line> {
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

/**
 * A client that notes the tokens of what it was asked to acquire and did not send, and which of
 * these it was asked to give back after that.
 */
export function watchUnsent(client: CacheClient): {
  readonly client: CacheClient
  readonly unsent: ReadonlySet<string>
  readonly givenBack: readonly string[]
} {
  const [sent, unsent, released, givenBack] = [
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    [] as string[],
  ]
  const run: CacheClient['run'] = async (script, keys, args, ...rest) => {
    const token = String(args[0])
    const releases = script.name.endsWith(' release')
    // What began before it was known is repeated.
    if (releases && unsent.has(token) && !released.has(token)) givenBack.push(token)
    if (releases) released.add(token)
    const reply = client.run(script, keys, args, ...rest)
    if (!releases) {
      unsent.delete(token) // as long as that is not known
      const wasSent = await reply.then(
        () => true,
        (error: unknown) =>
          !(
            error instanceof CacheError &&
            ['CIRCUIT_OPEN', 'OVERLOADED', 'NOT_SENT'].includes(error.code)
          ),
      )
      if (wasSent) sent.add(token)
      else if (!sent.has(token)) unsent.add(token)
    }
    return reply
  }
  return { client: { ...client, run }, unsent, givenBack }
}

/** Calls `sent` right before the first call of a script leaves, and `then` behind it. */
export function intercept(
  client: CacheClient,
  script: string,
  sent: () => void,
  then: () => Promise<void>,
): CacheClient {
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

/**
 * A client whose every script is executed twice, as where a driver sends again what got no reply.
 * `repeat` executes all of them again.
 */
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
    for (const { name, send } of [...this.#sent])
      if (script === undefined || name === script) await send()
  }
}

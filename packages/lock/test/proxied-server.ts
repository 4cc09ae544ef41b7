import type { CacheClient } from '@cache/core'
import {
  startProxy,
  startRedis,
  type RedisOptions,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { connect, shortTimeouts, type driverNames } from './drivers.js'

/** A server with two clients. */
export interface ProxiedServer extends AsyncDisposable {
  readonly server: RedisServer
  readonly proxy: TcpProxy
  /** Reaches the server through the proxy. */
  readonly client: CacheClient
  /** Reaches the server directly. */
  readonly directClient: CacheClient
}

export async function startProxiedServer(
  driver: (typeof driverNames)[number],
  options: RedisOptions = {},
): Promise<ProxiedServer> {
  const server = await startRedis(options)
  const proxy = await startProxy(server)
  const proxied = connect(driver, proxy.url, shortTimeouts)
  const direct = connect(driver, server.url, shortTimeouts)
  return {
    server,
    proxy,
    client: proxied.client,
    directClient: direct.client,
    async [Symbol.asyncDispose]() {
      await Promise.all([proxied[Symbol.asyncDispose](), direct[Symbol.asyncDispose]()])
      await proxy.close()
      await server.stop()
    },
  }
}

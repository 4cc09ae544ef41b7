import { startProxy, type Address, type RedisServer } from '@cache/testkit'
import type { Library, TopologyName } from '../connection-target.js'
import { addressOf, type ProxySet } from './topology.js'

/**
 * Starts a proxy for each server. `seeds` replaces the addresses that a client connects to first.
 */
export async function openProxies(
  topology: TopologyName,
  library: Library,
  servers: readonly RedisServer[],
  seeds?: readonly Address[],
): Promise<ProxySet> {
  const proxies = await Promise.all(servers.map((server) => startProxy(server)))
  const plain = proxies.map(({ host, port }): Address => ({ host, port }))
  const byServer = Object.fromEntries(servers.map((server, i) => [addressOf(server), plain[i]!]))
  return {
    target: { topology, library, seeds: seeds ?? plain, proxies: byServer },
    proxies,
    close: async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))),
  }
}

import { startProxy, type Address, type RedisServer } from '@cache/testkit'
import type { Library, TopologyName } from '../reach.js'
import { addressOf, type Entrance } from './topology.js'

/** A proxy for each server. `entrances`: where a client connects first, if not to the proxies. */
export async function openEntrance(
  topology: TopologyName,
  library: Library,
  servers: readonly RedisServer[],
  entrances?: readonly Address[],
): Promise<Entrance> {
  const proxies = await Promise.all(servers.map((server) => startProxy(server)))
  const plain = proxies.map(({ host, port }): Address => ({ host, port }))
  const byServer = Object.fromEntries(servers.map((server, i) => [addressOf(server), plain[i]!]))
  return {
    reach: { topology, library, entrances: entrances ?? plain, proxies: byServer },
    proxies,
    close: async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))),
  }
}

import { canSetClock, startRedis } from '@cache/testkit'
import { openProxies } from './open-proxies.js'
import type { Topology } from './topology.js'

const SHARDS = 3

/** Starts three independent servers. */
export async function shards(): Promise<Topology> {
  const clock = canSetClock()
  const servers = await Promise.all(
    Array.from({ length: SHARDS }, () => startRedis({ aof: 'always', ...(clock && { clock }) })),
  )
  return {
    servers,
    primaries: servers,
    clock,
    open: (library) => openProxies('shards', library, servers),
    crash: async (random) => {
      const server = random.pick(servers)
      await server.kill()
      await server.restart()
    },
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(servers.map((server) => server.stop()))),
  }
}

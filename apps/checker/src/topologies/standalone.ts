import { canSetClock, startRedis } from '@cache/testkit'
import { openProxies } from './open-proxies.js'
import type { Topology } from './topology.js'

/** Starts one server that writes everything to disk before it acknowledges it. */
export async function standalone(): Promise<Topology> {
  const clock = canSetClock()
  const server = await startRedis({ aof: 'always', ...(clock && { clock }) })
  return {
    servers: [server],
    primaries: [server],
    clock,
    open: (library) => openProxies('standalone', library, [server]),
    crash: async () => {
      await server.kill()
      await server.restart()
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

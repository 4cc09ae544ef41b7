import { canSetClock, startRedis } from '@cache/testkit'
import { openEntrance } from './entrance.js'
import type { Topology } from './topology.js'

/** One server, which writes everything to disk before it acknowledges it. */
export async function standalone(): Promise<Topology> {
  const clock = canSetClock()
  const server = await startRedis({ aof: 'always', ...(clock && { clock }) })
  return {
    servers: [server],
    primaries: [server],
    clock,
    open: (library) => openEntrance('standalone', library, [server]),
    crash: async () => {
      await server.kill()
      await server.restart()
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

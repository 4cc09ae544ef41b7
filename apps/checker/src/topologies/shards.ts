import { canSetClock, startRedis } from '@cache/testkit'
import { openEntrance } from './entrance.js'
import type { Topology } from './topology.js'

const SHARDS = 3

/** Three servers that know nothing of each other. */
export async function shards(): Promise<Topology> {
  const clock = canSetClock()
  const servers = await Promise.all(
    Array.from({ length: SHARDS }, () => startRedis({ aof: 'always', ...(clock && { clock }) })),
  )
  return {
    servers,
    primaries: servers,
    clock,
    open: (library) => openEntrance('shards', library, servers),
    crash: async (random) => {
      const server = random.pick(servers)
      await server.kill()
      await server.restart()
    },
    [Symbol.asyncDispose]: async () => void (await Promise.all(servers.map((one) => one.stop()))),
  }
}

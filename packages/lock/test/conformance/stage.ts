import { spawnProcesses, startProxy, startRedis, type RedisServer } from '@cache/testkit'
import type { LockStage } from '../../src/conformance/index.js'

export interface StageOptions {
  readonly kind: 'locks' | 'redlock' | 'naive'
  readonly client: 'ioredis' | 'node-redis'
  /** How many servers. */
  readonly servers: number
}

/** Three contenders, each with a proxy of its own before each server. */
export async function startStage({ kind, client, servers: count }: StageOptions): Promise<LockStage> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()))
  const proxies = await Promise.all(Array.from({ length: 3 }, () => Promise.all(servers.map((server) => startProxy(server)))))
  const group = spawnProcesses(new URL('./contender.js', import.meta.url), { count: 3, data: proxies.map((own) => ({ kind, client, urls: own.map(({ url }) => url) })) })
  await group.all('ready')
  return {
    contenders: group.processes.map((process, i) => ({
      process,
      network: {
        cut: async () => void (await Promise.all(proxies[i]!.map((proxy) => proxy.cut()))),
        swallow: (direction) => proxies[i]!.forEach((proxy) => proxy.swallow(direction)),
        pass: async () => void (await Promise.all(proxies[i]!.map((proxy) => proxy.pass()))),
      },
    })),
    flush: () => servers[0]!.flush(),
    restart: () => servers[0]!.restart(),
    async [Symbol.asyncDispose]() {
      await group.stop()
      await Promise.all(proxies.flat().map((proxy) => proxy.close()))
      await Promise.all(servers.map((server: RedisServer) => server.stop()))
    },
  }
}

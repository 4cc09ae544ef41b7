import { startRedisCluster, startProxy, type RedisCluster, type TcpProxy } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCacheClient, type CacheClient, type Driver } from '../src/index.js'
import { createFormat, createToken } from '../src/internal.js'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../src/drivers/node-redis/driver.js'

const format = createFormat<string>()
const LONG = 600_000

interface Connected {
  readonly driver: Driver
  end(): void
}

/** Connect to a Cluster, to each node through a proxy. */
const connectors = {
  ioredis(nodes: Readonly<Record<string, { host: string; port: number }>>): Connected {
    const raw = new Cluster([Object.values(nodes)[0]!], { natMap: nodes })
    raw.on('error', () => undefined)
    return { driver: ioredisDriver(raw), end: () => raw.disconnect() }
  },
  'node-redis'(nodes: Readonly<Record<string, { host: string; port: number }>>): Connected {
    const { host, port } = Object.values(nodes)[0]!
    const raw = createCluster({
      rootNodes: [{ url: `redis://${host}:${port}` }],
      nodeAddressMap: nodes,
    })
    raw.on('error', () => undefined)
    return { driver: nodeRedisDriver(raw), end: () => raw.destroy() }
  },
}

describe.each(['ioredis', 'node-redis'] as const)(
  'a step that is resent on a Cluster, over %s',
  (kind) => {
    let cluster: RedisCluster
    let client: CacheClient
    let connected: Connected
    const proxies: Record<string, TcpProxy> = {}
    beforeAll(async () => {
      cluster = await startRedisCluster({ primaries: 3 })
      for (const node of cluster.nodes)
        proxies[`${node.host}:${node.port}`] = await startProxy(node)
      connected = connectors[kind](
        Object.fromEntries(
          Object.entries(proxies).map(([node, { host, port }]) => [node, { host, port }]),
        ),
      )
      client = createCacheClient(connected.driver, {
        resilience: { readTimeout: '5s', writeTimeout: '5s', breaker: { failures: 1_000 } },
      })
      await vi.waitFor(
        async () => {
          await client.entries.beginWrite(['k'], 'warm', LONG)
          await client.entries.commitWrite('k', 'warm')
          await lease()
        },
        { timeout: 20_000 },
      )
    })
    afterAll(async () => {
      await client.close()
      connected.end()
      for (const proxy of Object.values(proxies)) await proxy.close()
      await cluster.stop()
    })

    /** Returns the proxy of the primary that owns the key. */
    const proxyOf = async (key: string): Promise<TcpProxy> => {
      for (const node of cluster.primaries) {
        const reply = await node.cli('GET', key).catch((error: Error) => error.message)
        if (!reply.includes('MOVED')) return proxies[`${node.host}:${node.port}`]!
      }
      throw new Error(`no primary owns ${key}`)
    }

    const lease = async () => {
      const token = createToken()
      const { status } = await client.entries.lease('k', format, { token, ttl: LONG })
      if (status === 'leased') await client.entries.release('k', token)
      return status
    }

    /**
     * Runs a step whose connection ends before it arrives, so that it may be resent. `isDone`: the
     * resent copy was executed. `deliver` delivers the first copy.
     */
    async function runResent(
      step: () => Promise<unknown>,
    ): Promise<{ readonly isDone: boolean; deliver(): Promise<void> }> {
      const proxy = await proxyOf('k')
      const held = proxy.hold()
      const done = step().then(
        () => true,
        () => false,
      )
      await vi.waitFor(() => expect(held.bytes).toBeGreaterThan(0), { timeout: 5_000, interval: 5 })
      proxy.drop()
      const isDone = await done
      if (kind === 'ioredis') expect(isDone).toBe(true)
      // The step was given up.
      else await vi.waitFor(async () => expect(await lease()).toBe('leased'), { timeout: 20_000 })
      return { isDone, deliver: () => held.deliver() }
    }

    it.each([undefined, { format, value: 'new', ttl: LONG }])(
      'leaves no intent if its begin arrives again after its end',
      async (write) => {
        const token = createToken()
        const { isDone, deliver } = await runResent(() =>
          client.entries.beginWrite(['k'], token, LONG),
        )
        if (isDone) await client.entries.commitWrite('k', token, write)
        await deliver()
        await client.entries.invalidate(['k'])
        expect(await lease()).toBe('leased')
      },
    )

    it.each([
      ['fill', (token: string) => client.entries.fill('k', format, token, 'loaded', { ttl: LONG })],
      ['release', (token: string) => client.entries.release('k', token)],
    ])('leaves no lease if its request arrives again after its %s', async (_, end) => {
      const token = createToken()
      const { isDone, deliver } = await runResent(() =>
        client.entries.lease('k', format, { token, ttl: LONG }),
      )
      if (isDone) await end(token)
      await client.entries.invalidate(['k'])
      await deliver()
      expect(await lease()).toBe('leased')
    })
  },
)

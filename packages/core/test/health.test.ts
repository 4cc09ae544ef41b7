import { startRedisCluster, startRedis, startRedisSentinel } from '@cache/testkit'
import { describe, expect, it, vi } from 'vitest'
import { createCacheClient, type CacheClient } from '../src/index.js'
import { addHealthPart } from '../src/internal.js'
import { flavours } from './drivers/clients.js'

const resilience = {
  readTimeout: 200,
  writeTimeout: 200,
  breaker: { failures: 3, cooldown: '1m' },
} as const

const get = (client: CacheClient): Promise<string> =>
  client.send({ args: ['GET', 'k'], keys: ['k'] }).then(
    () => 'answered',
    (error: { readonly code: string }) => error.code,
  )

describe.each(flavours)('over $name', ({ standalone, cluster, sentinel }) => {
  it('tells whether Redis answers, since when, and how fast', async () => {
    await using server = await startRedis()
    await using made = standalone(server.url)
    await using client = createCacheClient(made.driver, { resilience, onError: () => undefined })
    const startedAt = Date.now()
    await vi.waitFor(async () => expect(await client.health()).toMatchObject({ reachable: true }), {
      timeout: 10_000,
    })
    expect(await client.health()).toMatchObject({
      breaker: 'closed',
      error: undefined,
      nodes: [{ id: `127.0.0.1:${server.port}`, reachable: true, breaker: 'closed' }],
      parts: [],
    })
    expect((await client.health()).roundTripMs).toBeGreaterThan(0)

    await server.pause()
    await vi.waitFor(async () => expect(await get(client)).toBe('CIRCUIT_OPEN'), {
      timeout: 20_000,
    })
    const sends = vi.spyOn(client.driver, 'send')
    const handles = await client.driver.nodes()
    const pings = vi.spyOn(handles[0]!, 'send')
    client.driver.nodes = async () => handles
    const down = await client.health()
    expect(pings).not.toHaveBeenCalled()
    expect(sends).not.toHaveBeenCalled()
    expect(down).toMatchObject({
      reachable: false,
      breaker: 'open',
      roundTripMs: undefined,
      error: expect.stringContaining('got no reply within') as string,
    })
    expect(down.since.getTime()).toBeGreaterThanOrEqual(startedAt)
    expect((await client.health()).since).toEqual(down.since)
  }, 60_000)

  it('is bounded and has the cause if there never was a connection', async () => {
    await using server = await startRedis()
    await server.kill()
    await using made = standalone(server.url)
    await using client = createCacheClient(made.driver, { onError: () => undefined })
    const [health] = await Promise.all([client.health({ timeout: 300 }), client.health()])
    expect(health).toMatchObject({ reachable: false })
    expect(health.error).toContain('ECONNREFUSED')
  }, 30_000)

  it('refuses an invalid timeout', async () => {
    await using server = await startRedis()
    await server.kill()
    await using made = standalone(server.url)
    await using client = createCacheClient(made.driver)
    await expect(client.health({ timeout: 'soon' as '1s' })).rejects.toThrow('"timeout"')
    await expect(client.health({ every: 5 } as object)).rejects.toThrow('"every"')
  })

  it('names the primary of a Cluster that does not answer', async () => {
    await using servers = await startRedisCluster({ primaries: 3, replicasPerPrimary: 0 })
    await using made = cluster(servers.nodes)
    await using client = createCacheClient(made.driver, { resilience, onError: () => undefined })
    await vi.waitFor(async () => expect(await client.health()).toMatchObject({ reachable: true }), {
      timeout: 20_000,
    })
    const [first] = servers.nodes
    await first!.pause()
    const health = await client.health()
    expect(health.reachable).toBe(false)
    expect(health.nodes.map(({ id, reachable }) => [id, reachable]).sort()).toEqual(
      servers.nodes.map((node) => [`${node.host}:${node.port}`, node !== first]).sort(),
    )
    await first!.resume()
  }, 60_000)

  it('follows the primary that Sentinel names, down and after its failover', async () => {
    await using servers = await startRedisSentinel({ sentinels: 1, downAfter: 60_000 })
    await using made = sentinel(servers)
    await using client = createCacheClient(made.driver, {
      resilience: { ...resilience, breaker: { failures: 3, cooldown: 200 } },
      onError: () => undefined,
    })
    const idOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
      `${host}:${port}`
    const first = servers.primary
    await vi.waitFor(
      async () =>
        expect(await client.health()).toMatchObject({
          reachable: true,
          nodes: [{ id: idOf(first), reachable: true }],
        }),
      { timeout: 20_000 },
    )
    // `downAfter` is long: nobody is promoted before this test says so.
    await first.kill()
    // node-redis pauses for a second before it asks a Sentinel again, so the circuit may open after
    // the failover, too. It opens here so that it always has to close again.
    await vi.waitFor(async () => expect(await get(client)).toBe('CIRCUIT_OPEN'), {
      timeout: 20_000,
    })
    await vi.waitFor(
      async () => {
        const down = await client.health()
        expect(down).toMatchObject({
          reachable: false,
          roundTripMs: undefined,
          nodes: [{ id: idOf(first), reachable: false }],
        })
        expect(down.error).toBeTruthy()
      },
      { timeout: 20_000 },
    )
    const promoted = await servers.failover()
    expect(promoted.port).not.toBe(first.port)
    await vi.waitFor(
      async () => {
        // A circuit closes with the first command that is answered after its cooldown.
        await get(client)
        expect(await client.health()).toMatchObject({
          reachable: true,
          error: undefined,
          breaker: 'closed',
          nodes: [{ id: idOf(promoted), reachable: true, breaker: 'closed' }],
        })
      },
      { timeout: 30_000 },
    )
    await client.send({ args: ['SET', 'k', 'v'], keys: ['k'] })
    expect(await promoted.cli('GET', 'k')).toBe('v')
  }, 90_000)
})

describe('parts', () => {
  it('report through the client, also if they fail or hang', async () => {
    await using server = await startRedis()
    await using made = flavours[0]!.standalone(server.url)
    await using client = createCacheClient(made.driver)
    const removes = [
      addHealthPart(client, 'bus', client, () => ({ healthy: true, details: { gaps: 2 } })),
      addHealthPart(client, 'broken', client, () => Promise.reject(new Error('secret'))),
      addHealthPart(client, 'hanging', client, () => new Promise(() => undefined)),
    ]
    const { parts } = await client.health({ timeout: 100 })
    expect(parts).toEqual([
      { name: 'bus', healthy: true, details: { gaps: 2 } },
      { name: 'broken', healthy: false, details: { error: 'Error.' } },
      {
        name: 'hanging',
        healthy: false,
        details: { error: 'There was no answer within 100 ms.' },
      },
    ])
    for (const remove of removes) remove()
    expect((await client.health()).parts).toEqual([])
  })
})

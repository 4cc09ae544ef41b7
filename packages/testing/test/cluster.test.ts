import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedis, startRedisCluster, type ClusterNode, type RedisCluster } from '../src/index.js'

// CLUSTER KEYSLOT x
const SLOT_OF_X = 16_287

describe('startRedisCluster', () => {
  let redis: RedisCluster
  beforeAll(
    async () => void (redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })),
  )
  afterAll(() => redis.stop())

  const owner = (): ClusterNode => redis.primaries.at(-1) as ClusterNode

  it('is ready: all nodes report all slots as served, and a client can write to all', async () => {
    expect([redis.nodes.length, redis.primaries.length, redis.replicas.length]).toEqual([6, 3, 3])
    for (const node of redis.nodes)
      expect(await node.cli('CLUSTER', 'INFO')).toMatch(
        /cluster_state:ok[^]*cluster_slots_ok:16384[^]*cluster_known_nodes:6/,
      )
    const client = new Cluster([...redis.addresses])
    await Promise.all(Array.from({ length: 100 }, (_, index) => client.set(`key:${index}`, index)))
    const sizes = await Promise.all(redis.primaries.map((node) => node.cli('DBSIZE')))
    expect(sizes.reduce((sum, size) => sum + Number(size), 0)).toBe(100)
    await redis.flush()
    expect(await Promise.all(redis.primaries.map((node) => node.cli('DBSIZE')))).toEqual([
      '0',
      '0',
      '0',
    ])
    client.disconnect()
  })

  it('a slot moved halfway answers ASK for moved keys, and MOVED after the move', async () => {
    const [from, to] = [owner(), redis.primaries[0] as ClusterNode]
    await Promise.all(['x', '{x}:1', '{x}:2'].map((key) => from.cli('SET', key, key)))
    await redis.migrateSlot(SLOT_OF_X, from, to, {
      stopHalfway: true,
      moving: (key) => key !== '{x}:2',
    })
    await expect(from.cli('GET', 'x')).rejects.toThrow(`ASK ${SLOT_OF_X} 127.0.0.1:${to.port}`)
    expect(await from.cli('GET', '{x}:2')).toBe('{x}:2')
    await expect(from.cli('MGET', 'x', '{x}:2')).rejects.toThrow('TRYAGAIN')
    await redis.migrateSlot(SLOT_OF_X, from, to)
    await expect(from.cli('GET', 'x')).rejects.toThrow(`MOVED ${SLOT_OF_X} 127.0.0.1:${to.port}`)
    expect(await to.cli('MGET', 'x', '{x}:1', '{x}:2')).toBe('x\n{x}:1\n{x}:2')
    await redis.migrateSlot(SLOT_OF_X, to, from)
    await redis.ready()
  })

  it('after a failover the replica is the primary, and every node knows it', async () => {
    const former = owner()
    await former.cli('SET', 'x', 'kept')
    const promoted = await redis.failover(former)
    expect([former.role, promoted.role]).toEqual(['replica', 'primary'])
    expect(await promoted.cli('GET', 'x')).toBe('kept')
    await expect(former.cli('SET', 'x', 'lost')).rejects.toThrow(
      `MOVED ${SLOT_OF_X} 127.0.0.1:${promoted.port}`,
    )
  })

  it('a replica takes over from a paused primary and from a dead primary', async () => {
    const paused = redis.primaries[0] as ClusterNode
    await paused.pause()
    const promoted = await redis.failover(paused, { takeover: true })
    await paused.resume()
    await redis.ready()
    expect([paused.role, promoted.role]).toEqual(['replica', 'primary'])
    await promoted.kill()
    expect(await redis.failover(promoted)).toBe(paused)
    await promoted.restart()
    await redis.ready()
    expect([paused.role, promoted.role, redis.primaries.length]).toEqual(['primary', 'replica', 3])
  })

  it('can be paused, resumed, killed and restarted as a whole', async () => {
    const client = new Cluster([redis.url])
    client.on('error', () => undefined)
    await client.set('x', 'before')
    await redis.pause()
    let answered = false
    const answer = client.get('x').finally(() => (answered = true))
    // Another server answers in the meantime, so only the paused ones are silent.
    await using other = await startRedis()
    await other.cli('PING')
    expect(answered).toBe(false)
    await redis.resume()
    expect(await answer).toBe('before')
    client.disconnect()

    await redis.kill()
    expect(redis.nodes.some(({ running }) => running)).toBe(false)
    await redis.restart()
    expect(redis.nodes.every(({ running }) => running)).toBe(true)
    expect(await owner().cli('SET', 'x', 'after')).toBe('OK')
  })
})

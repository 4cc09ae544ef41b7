import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { eventually, startRedisSentinel, type RedisServer } from '../src/index.js'

it(
  'Sentinels lead a client to the primary, to the promoted replica, and to the next after a kill',
  { timeout: 60_000 },
  async () => {
    await using redis = await startRedisSentinel({ replicas: 2 })
    const client = new Redis({
      name: redis.name,
      sentinels: [...redis.addresses],
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    })
    client.on('error', () => undefined)
    const primaryOfClient = async () =>
      Number(/tcp_port:(\d+)/.exec(await client.info('server'))?.[1])
    const first = redis.primary
    expect(await primaryOfClient()).toBe(first.port)
    expect([redis.sentinels.length, redis.replicas.length]).toEqual([3, 2])
    await client.set('key', 'value')

    const second = await redis.failover()
    expect(second).not.toBe(first)
    expect(redis.replicas).toContain(first)
    await eventually(async () => (await primaryOfClient()) === second.port)
    expect(await client.get('key')).toBe('value')

    await second.kill()
    await redis.ready()
    expect(redis.primary).not.toBe(second)
    await eventually(async () => (await primaryOfClient()) === redis.primary.port)
    client.disconnect()
  },
)

it(
  'each failover succeeds at the first attempt, even of a replica that was a primary before',
  { timeout: 60_000 },
  async () => {
    await using redis = await startRedisSentinel({ downAfter: 20_000 })
    const attempts = async () =>
      Number(
        /config-epoch\n(\d+)/.exec(
          await (redis.sentinels[0] as RedisServer).cli('SENTINEL', 'MASTER', redis.name),
        )?.[1],
      )
    for (const round of [1, 2]) {
      const dead = redis.primary
      await dead.kill()
      await redis.failover()
      expect(await attempts()).toBe(round)
      await dead.restart()
      await redis.ready()
    }
  },
)

it('all servers can be paused, resumed, killed and restarted, also after a failover', async () => {
  await using redis = await startRedisSentinel({ sentinels: 1, config: { appendonly: 'yes' } })
  const promoted = await redis.failover()
  expect(redis.url).toBe(promoted.url)
  await redis.primary.cli('SET', 'key', 'value')
  await redis.ready()
  await redis.pause()
  await redis.resume()
  await redis.ready()
  await redis.kill()
  const all = [redis.primary, ...redis.replicas, ...redis.sentinels]
  expect(all.some(({ running }) => running)).toBe(false)
  await redis.restart()
  expect(all.every(({ running }) => running)).toBe(true)
  expect(await redis.primary.cli('GET', 'key')).toBe('value')
})

it('one Sentinel can fail over, and failover() throws if no replica is running', async () => {
  await using redis = await startRedisSentinel({ sentinels: 1 })
  const [replica] = redis.replicas
  expect(await redis.failover()).toBe(replica)
  await redis.replicas[0]?.kill()
  await expect(redis.failover()).rejects.toThrow(/No replica is running/)
})

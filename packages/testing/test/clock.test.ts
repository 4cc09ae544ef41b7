import { describe, expect, it } from 'vitest'
import { canSetClock, startRedisCluster, startRedis, type RedisServer } from '../src/index.js'

const HOUR = 3_600_000

/** Returns how many whole hours the server's clock is ahead of the clock of this process. */
async function hoursAhead(redis: RedisServer): Promise<number> {
  const [seconds] = (await redis.cli('TIME')).split('\n')
  const hours = Math.round((Number(seconds) * 1_000 - Date.now()) / HOUR)
  return hours === 0 ? 0 : hours // Avoids -0.
}

describe.skipIf(!canSetClock())('setClock', () => {
  it('sets the clock of running and stopped servers forward, back and right again', async () => {
    await using redis = await startRedis({ clock: true })
    expect(await hoursAhead(redis)).toBe(0)
    await redis.setClock(HOUR)
    expect(await hoursAhead(redis)).toBe(1)
    await redis.setClock(-5 * HOUR)
    expect(await hoursAhead(redis)).toBe(-5)
    await redis.restart()
    expect(await hoursAhead(redis)).toBe(-5)
    await redis.kill()
    await redis.setClock(0)
    await redis.restart()
    expect(await hoursAhead(redis)).toBe(0)
  })

  it('is exact to the millisecond: only keys with an earlier expiry expire', async () => {
    await using redis = await startRedis({ clock: true })
    const expiry = async (key: string) => Number(await redis.cli('PTTL', key))
    await redis.cli('SET', 'sooner', 'x', 'PX', HOUR)
    await redis.cli('SET', 'later', 'x', 'PX', 2 * HOUR)
    await redis.setClock(1.5 * HOUR)
    expect(await expiry('sooner')).toBe(-2)
    expect(await expiry('later')).toBeGreaterThan(0.5 * HOUR - 60_000)
    expect(await expiry('later')).toBeLessThanOrEqual(0.5 * HOUR)
    await redis.setClock(-HOUR)
    expect(await expiry('later')).toBeGreaterThan(3 * HOUR - 60_000)
  })

  it('leaves the monotonic clock alone: timers continue when the clock is set back', async () => {
    await using redis = await startRedis({ clock: true })
    await redis.setClock(-60_000)
    // Longer than the interval at which Redis checks its timers.
    expect(await redis.cli('BLPOP', 'nothing', 0.3)).toBe('')
  })

  it('sets the clock of each node of a Cluster', async () => {
    await using redis = await startRedisCluster({ clock: true })
    await redis.nodes[0]?.setClock(HOUR)
    await redis.nodes[1]?.setClock(-HOUR)
    expect(await Promise.all(redis.nodes.map((node) => hoursAhead(node)))).toEqual([1, -1, 0])
    await redis.ready()
  })
})

it('setClock throws on a server that was started without the option clock', async () => {
  await using redis = await startRedis()
  await expect(redis.setClock(HOUR)).rejects.toThrow('{ clock: true }')
})

import { describe, expect, it } from 'vitest'
import { canSetClock, startCluster, startRedis, type RedisServer } from '../src/index.js'

const HOUR = 3_600_000

/** How far the server's clock is ahead of this process', in whole hours. */
async function hoursAhead(redis: RedisServer): Promise<number> {
  const [seconds] = (await redis.cli('TIME')).split('\n')
  const hours = Math.round((Number(seconds) * 1_000 - Date.now()) / HOUR)
  return hours === 0 ? 0 : hours // never -0
}

describe.skipIf(!canSetClock())('setClock', () => {
  it('sets the clock ahead, back and right again, while the server runs and while it is down', async () => {
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

  it('is to the millisecond: what ends sooner is over, what ends later is not', async () => {
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

  it('leaves the monotonic clock alone: timers go on when the clock is set back', async () => {
    await using redis = await startRedis({ clock: true })
    await redis.setClock(-60_000)
    // Longer than Redis sleeps between two looks at its timers.
    expect(await redis.cli('BLPOP', 'nothing', 0.3)).toBe('')
  })

  it('sets the clock of each node of a Cluster', async () => {
    await using redis = await startCluster({ clock: true })
    await redis.nodes[0]?.setClock(HOUR)
    await redis.nodes[1]?.setClock(-HOUR)
    expect(await Promise.all(redis.nodes.map((node) => hoursAhead(node)))).toEqual([1, -1, 0])
    await redis.ready()
  })
})

it('a server that was started without a clock of its own refuses', async () => {
  await using redis = await startRedis()
  await expect(redis.setClock(HOUR)).rejects.toThrow('{ clock: true }')
})

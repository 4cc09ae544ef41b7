import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'

const RELEASE = `
  if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
  return 0
`

/** Loads under a lock. The others wait half a second, and then load too. */
export async function getWithLock(
  redis: Redis,
  key: string,
  load: () => Promise<string>,
  lockMs = 10_000,
): Promise<string> {
  const cached = await redis.get(key)
  if (cached) return cached
  const lockId = randomUUID()
  if (await redis.set(`${key}:lock`, lockId, 'PX', lockMs, 'NX')) {
    try {
      const filled = await redis.get(key) // in case another process finished before
      if (filled) return filled
      const value = await load()
      await redis.setex(key, 3_600, value)
      return value
    } finally {
      await redis.eval(RELEASE, 1, `${key}:lock`, lockId)
    }
  }
  for (let attempt = 0; attempt < 5; attempt++) {
    await sleep(100)
    const filled = await redis.get(key)
    if (filled) return filled
  }
  return load() // in case the holder of the lock has died
}

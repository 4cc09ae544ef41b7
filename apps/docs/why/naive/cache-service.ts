import type { Redis } from 'ioredis'

/** One class for everything. */
export class CacheService {
  constructor(
    readonly redis: Redis,
    readonly ttl = 3_600,
  ) {}

  async get<T>(key: string, rebuild: () => Promise<T>): Promise<T> {
    const cached = await this.redis.get(key)
    if (cached) return JSON.parse(cached) as T
    const value = await rebuild()
    await this.redis.setex(key, this.ttl, JSON.stringify(value))
    return value
  }

  async bulkInvalidate(pattern: string): Promise<void> {
    const keys = await this.redis.keys(pattern)
    if (keys.length > 0) await this.redis.del(...keys)
  }

  async increment(key: string, amount = 1): Promise<number> {
    return this.redis.incrby(key, amount)
  }
}

import type { ResilienceOptions } from '@cache/core'
import type { Connected } from './connected.js'

export type ClientName = 'ioredis' | 'node-redis'

/**
 * Connects to Redis with one of the two client libraries. The two files differ only in how they
 * create the Redis client and the driver.
 */
export async function connectCache(
  name: ClientName,
  url: string,
  resilience: ResilienceOptions,
): Promise<Connected> {
  const { connect } =
    name === 'node-redis' ? await import('./node-redis.js') : await import('./ioredis.js')
  return connect(url, resilience)
}

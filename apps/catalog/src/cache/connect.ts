import type { ResilienceOptions } from '@cache/core'
import type { Connected } from './connected.js'

export type ClientName = 'ioredis' | 'node-redis'

/**
 * The two files differ in the line that makes the driver, and in nothing that anybody else would
 * notice.
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

import { getConnInfo } from '@hono/node-server/conninfo'
import type { CacheClient } from '@cache/core'
import { addressKey, createRateLimiter, gcra } from '@cache/ratelimit'
import { rateLimit } from '@cache/ratelimit/hono'
import type { MiddlewareHandler } from 'hono'

const READS = ['GET', 'HEAD', 'OPTIONS']

/**
 * Limits the writes of one address to `perSecond` over all processes, with a burst of the same
 * size. While Redis is down, each process admits half of that.
 */
export function limitWrites(client: CacheClient, perSecond: number): MiddlewareHandler {
  const limiter = createRateLimiter({
    client,
    prefix: 'writes',
    limits: [gcra({ name: 'writes', limit: perSecond, window: '1s' })],
    onOutage: { local: 0.5 },
  })
  return rateLimit({
    limiter,
    key: (c) => addressKey(getConnInfo(c).remote.address),
    skip: (c) => READS.includes(c.req.method),
  })
}

import type { CacheClient } from '@cache/core'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

const LIMIT = 50
/** Longer than a failover takes. */
const WINDOW = 10_000

/** Sends requests of some users far over their limit. No window may admit more than the limit. */
export function rateLimitWorkload(client: CacheClient): Workload {
  const violations = new Counter()
  const limiter = createRateLimiter({
    client,
    prefix: 'limit',
    limits: [slidingWindow({ name: 'requests', limit: LIMIT, window: WINDOW })],
    deadline: '500ms',
    onOutage: 'deny',
    denyCache: false,
  })
  const admitted = new Map<number, { readonly sent: number; readonly answered: number }[]>()

  return {
    name: 'rate limit',
    violations,
    async step() {
      const id = randomElement(IDS)
      const sent = performance.now()
      const { allowed, degraded } = await limiter.consume(id)
      if (degraded) throw new Error('degraded')
      if (!allowed) return
      const recent = admitted.get(id) ?? []
      recent.push({ sent, answered: performance.now() })
      admitted.set(id, recent)
      if (recent.length > LIMIT + 1) recent.shift()
      // Each was admitted between request and answer, so all of them within one window.
      if (
        recent.length > LIMIT &&
        Math.max(...recent.map((request) => request.answered)) -
          Math.min(...recent.map((request) => request.sent)) <
          WINDOW
      )
        violations.count('admitted beyond the limit')
    },
    verify: async () => undefined,
    close: async () => undefined,
  }
}

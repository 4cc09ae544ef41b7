import type { CacheClient } from '@cache/core'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

const LIMIT = 50
/** Longer than a failover takes. */
const WINDOW = 10_000

/** Requests of some users at many times their limit: no window ever has more than that. */
export function rateLimitTrial(client: CacheClient): Trial {
  const broken = new Tally()
  const limiter = createRateLimiter({
    client,
    prefix: 'limit',
    limits: [slidingWindow({ name: 'requests', limit: LIMIT, window: WINDOW })],
    deadline: '500ms',
    onOutage: 'closed',
    denyCache: false,
  })
  const admitted = new Map<number, { readonly asked: number; readonly answered: number }[]>()

  return {
    name: 'rate limit',
    broken,
    async step() {
      const id = oneOf(IDS)
      const asked = performance.now()
      const { allowed, degraded } = await limiter.consume(id)
      if (degraded) throw new Error('degraded')
      if (!allowed) return
      const last = admitted.get(id) ?? []
      last.push({ asked, answered: performance.now() })
      admitted.set(id, last)
      if (last.length > LIMIT + 1) last.shift()
      // Decided between question and answer, so all of them within one window.
      if (
        last.length > LIMIT &&
        Math.max(...last.map(({ answered }) => answered)) -
          Math.min(...last.map((one) => one.asked)) <
          WINDOW
      )
        broken.count('admitted beyond the limit')
    },
    settle: async () => undefined,
    close: async () => undefined,
  }
}

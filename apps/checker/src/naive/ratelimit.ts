import { now } from '../clock.js'
import { policies } from '../patterns/ratelimit.js'
import type { WorkloadContext, Workload } from '../patterns/workload.js'
import { commandsOf, numberOf } from './commands.js'

/** A counter with a ttl: get, compare, and increment. */
export function ratelimit({ client, random, reporter }: WorkloadContext): Workload {
  const { get, incr, pexpire } = commandsOf(client)
  const { limit, window } = policies.slidingWindow
  return {
    async step() {
      const id = String(random.between(0, 1))
      const requested = now()
      const used = numberOf(await get(`limit:${id}`)) ?? 0
      const admitted = used < limit
      if (admitted && Number(await incr(`limit:${id}`)) === 1) await pexpire(`limit:${id}`, window)
      reporter.add({
        type: 'decision',
        policy: 'slidingWindow',
        id,
        cost: 1,
        outcome: admitted ? 'admitted' : 'denied',
        requested,
        answered: now(),
      })
    },
    close: async () => undefined,
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { createLocks, createSemaphore, type Lock } from '@cache/lock'
import { now } from '../clock.js'
import type { WorkloadContext, Workload } from './workload.js'

const NAMES = ['a', 'b', 'c'] as const
const PERMITS = 2
/** The interval in ms at which a holder checks whether it still holds. */
const CHECK_INTERVAL = 5

/** Holds locks and permits briefly and beyond their ttl, for as long as they report to be held. */
export function lock(context: WorkloadContext): Workload {
  const { client, random, reporter } = context
  const terms = { client, ttl: '1s', wait: '6s' } as const
  const locks = createLocks(terms)
  const semaphore = createSemaphore({ ...terms, name: 'permits', permits: PERMITS })

  const acquire = async (name: string): Promise<[lock: Lock | null, capacity: number]> => {
    if (name === 'permits') return [await semaphore.acquire(), PERMITS]
    if (random.chance(0.1)) return [await locks.tryAcquire(name), 1]
    const began = now()
    const acquired = await locks.acquire(name)
    const [granted, holder] = [now(), holderOf(context, acquired)]
    reporter.add({ type: 'wait', lock: name, holder, fence: acquired.fence, began, granted })
    return [acquired, 1]
  }

  return {
    async step() {
      const name = random.pick([...NAMES, 'permits'])
      const [acquired, capacity] = await acquire(name)
      if (!acquired) return
      const milliseconds = random.chance(0.03)
        ? random.between(1_000, 2_500)
        : random.between(5, 40)
      await hold(context, name, acquired, capacity, milliseconds)
      if (random.chance(0.9)) await acquired.release()
      else void acquired.release().catch(() => reporter.count('lock: releases that failed'))
    },
    async close() {
      await Promise.all([locks.close(), semaphore.close()])
    },
  }
}

async function hold(
  { reporter, process }: WorkloadContext,
  name: string,
  held: Lock,
  capacity: number,
  milliseconds: number,
): Promise<void> {
  reporter.count('lock: acquired')
  const holder = `${process}/${held.fence}`
  const from = now()
  let lastReport = -Infinity
  for (let at = from; ; at = now()) {
    // It is valid now, so it was valid at time `at`, which was taken before.
    if (held.remaining <= 0 || held.signal.aborted) return reporter.count('lock: lost')
    if (at > lastReport + 50 || at > from + milliseconds) {
      reporter.add({
        type: 'holding',
        lock: name,
        capacity,
        holder,
        fence: held.fence,
        from,
        to: at,
      })
      lastReport = at
    }
    if (at > from + milliseconds) return
    await sleep(CHECK_INTERVAL)
  }
}

function holderOf({ process }: WorkloadContext, { fence }: Lock): string {
  return `${process}/${fence}`
}

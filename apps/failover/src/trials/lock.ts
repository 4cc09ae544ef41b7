import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import { createLocks, type Lock } from '@cache/lock'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

/** Two services want the same few locks, and some for longer than a failover takes: one has it at a time, and each holder's fence is above that of the one before. */
export function lockTrial(clients: readonly CacheClient[]): Trial {
  const broken = new Tally()
  const services = clients.map((client) => createLocks({ client, ttl: '6s', wait: '8s' }))
  const holders = new Map<string, Lock>()
  const fences = new Map<string, number>()

  return {
    name: 'lock',
    broken,
    async step(ended) {
      const [name, held] = Math.random() < LONG ? [`long-${oneOf(IDS)}`, 4_000] as const : [oneOf(['a', 'b', 'c', 'd']), 3] as const
      await oneOf(services).withLock(name, async (lock) => {
        if ((holders.get(name)?.remaining ?? 0) > 0) broken.count('two holders at once')
        if (lock.fence <= (fences.get(name) ?? 0)) broken.count('fences that did not rise')
        holders.set(name, lock)
        fences.set(name, lock.fence)
        await sleep(held, undefined, { signal: AbortSignal.any([lock.signal, ended]) }).catch(() => undefined)
        if (holders.get(name) === lock) holders.delete(name)
      })
    },
    settle: async () => undefined,
    close: async () => void (await Promise.all(services.map((locks) => locks.close()))),
  }
}

/** Of the steps, those that hold their lock for long. */
const LONG = 1 / 100

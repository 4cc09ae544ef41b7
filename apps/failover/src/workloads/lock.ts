import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import { createLocks, type Lock } from '@cache/lock'
import { IDS, Counter, randomElement, type Workload } from '../workload.js'

/**
 * Two services compete for the same few locks. One may hold each at a time, and each holder's fence
 * must be higher than those of the holders before it.
 */
export function lockWorkload(clients: readonly CacheClient[]): Workload {
  const { violations, request } = checkHolders()
  const services = clients.map((client) => createLocks({ client, ttl: '1s', wait: '8s' }))
  return {
    name: 'lock',
    violations,
    step: () => {
      const name = randomElement(['a', 'b', 'c', 'd'])
      const hold = request(name)
      return randomElement(services).withLock(name, async (lock) => {
        const release = hold(lock)
        await sleep(3)
        release()
      })
    },
    verify: async () => undefined,
    close: async () => void (await Promise.all(services.map((locks) => locks.close()))),
  }
}

/**
 * Like `lockWorkload`, but with locks that are held longer than a failover takes, without waits.
 */
export function heldLockWorkload(clients: readonly CacheClient[]): Workload {
  const { violations, request } = checkHolders()
  const services = clients.map((client) => createLocks({ client, ttl: '6s', prefix: 'held' }))
  const ended = new AbortController()
  const holding = new Set<Promise<unknown>>()
  return {
    name: 'lock, held for long',
    violations,
    async step() {
      const name = `held-${randomElement(IDS)}`
      const hold = request(name)
      const lock = await randomElement(services).tryAcquire(name)
      if (!lock) return
      const release = hold(lock)
      const held = sleep(MAX_HOLD * Math.random(), undefined, {
        signal: AbortSignal.any([lock.signal, ended.signal]),
      })
        .catch(() => undefined)
        .then(release)
        .then(() => lock.release())
        .catch(() => undefined)
      holding.add(held.finally(() => holding.delete(held)))
    },
    verify: async () => undefined,
    async close() {
      ended.abort()
      await Promise.all(holding)
      await Promise.all(services.map((locks) => locks.close()))
    },
  }
}

/**
 * Records requests for locks and their holders. `request` returns a function that records the
 * holder, which returns one that records the release.
 */
function checkHolders(): {
  readonly violations: Counter
  request(name: string): (lock: Lock) => () => void
} {
  const violations = new Counter()
  const holders = new Map<string, Lock>()
  const fences = new Map<string, number>()
  return {
    violations,
    request(name) {
      // While two primaries give locks away, the news of a later lock may arrive first. But a lock
      // that is requested after it has a higher fence.
      const knownFence = fences.get(name) ?? 0
      return (lock) => {
        if ((holders.get(name)?.remaining ?? 0) > 0) violations.count('two holders at once')
        if (lock.fence <= knownFence) violations.count('fences that did not rise')
        holders.set(name, lock)
        fences.set(name, Math.max(lock.fence, fences.get(name) ?? 0))
        return () => {
          if (holders.get(name) === lock) holders.delete(name)
        }
      }
    },
  }
}

/** The maximum time to hold a lock, in milliseconds. It is random, so that some are always new. */
const MAX_HOLD = 8_000

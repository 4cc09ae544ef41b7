import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import { createLocks, type Lock } from '@cache/lock'
import { IDS, Tally, oneOf, type Trial } from '../trial.js'

/**
 * Two services want the same few locks: one has it at a time, and each holder's fence is above that
 * of the one before.
 */
export function lockTrial(clients: readonly CacheClient[]): Trial {
  const { broken, note } = watch()
  const services = clients.map((client) => createLocks({ client, ttl: '1s', wait: '8s' }))
  return {
    name: 'lock',
    broken,
    step: () => {
      const name = oneOf(['a', 'b', 'c', 'd'])
      return oneOf(services).withLock(name, async (lock) => {
        const release = note(name, lock)
        await sleep(3)
        release()
      })
    },
    settle: async () => undefined,
    close: async () => void (await Promise.all(services.map((locks) => locks.close()))),
  }
}

/** As above, of locks that are held for longer than a failover takes, and that nobody waits for. */
export function heldLockTrial(clients: readonly CacheClient[]): Trial {
  const { broken, note } = watch()
  const services = clients.map((client) => createLocks({ client, ttl: '6s', prefix: 'held' }))
  const ended = new AbortController()
  const holding = new Set<Promise<unknown>>()
  return {
    name: 'lock, held for long',
    broken,
    async step() {
      const name = `held-${oneOf(IDS)}`
      const lock = await oneOf(services).tryAcquire(name)
      if (!lock) return
      const release = note(name, lock)
      const held = sleep(HELD * Math.random(), undefined, {
        signal: AbortSignal.any([lock.signal, ended.signal]),
      })
        .catch(() => undefined)
        .then(release)
        .then(() => lock.release())
        .catch(() => undefined)
      holding.add(held.finally(() => holding.delete(held)))
    },
    settle: async () => undefined,
    async close() {
      ended.abort()
      await Promise.all(holding)
      await Promise.all(services.map((locks) => locks.close()))
    },
  }
}

/** Notes who holds what. The function that is returned notes that it is given back. */
function watch(): { readonly broken: Tally; note(name: string, lock: Lock): () => void } {
  const broken = new Tally()
  const holders = new Map<string, Lock>()
  const fences = new Map<string, number>()
  return {
    broken,
    note(name, lock) {
      if ((holders.get(name)?.remaining ?? 0) > 0) broken.count('two holders at once')
      if (lock.fence <= (fences.get(name) ?? 0)) broken.count('fences that did not rise')
      holders.set(name, lock)
      fences.set(name, lock.fence)
      return () => {
        if (holders.get(name) === lock) holders.delete(name)
      }
    },
  }
}

/** Ms at most; at any moment some are new. */
const HELD = 8_000

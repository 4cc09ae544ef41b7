import type { Lock, Locks } from '@cache/lock'
import type Redlock from 'redlock'

/** What `work` may use of the two locks. */
export type HeldLock = Pick<Lock, 'fence' | 'signal' | 'assertHeld'>

/**
 * Runs `work` while both locks are held: the old one first, then the new one, everywhere.
 * So it excludes processes that know only one of them.
 */
export function withBothLocks<R>(
  { redlock, locks }: { readonly redlock: Redlock; readonly locks: Locks },
  name: string,
  duration: number,
  work: (lock: HeldLock) => Promise<R>,
): Promise<R> {
  return redlock.using([name], duration, (old) =>
    locks.withLock(
      name,
      (lock) =>
        work({
          fence: lock.fence,
          signal: AbortSignal.any([old, lock.signal]),
          assertHeld() {
            if (old.aborted) throw old.error ?? new Error(`The old lock ${name} is lost.`)
            lock.assertHeld()
          },
        }),
      { ttl: duration },
    ),
  )
}

import type { Lock, Locks, Semaphore } from '@cache/lock'
import type { Mutex, Semaphore as OldSemaphore } from 'redis-semaphore'

/** What `work` may use of the two permits or locks. */
export type Held = Pick<Lock, 'fence' | 'signal' | 'assertHeld'>

/** Runs `work` while a permit of both semaphores is held: first the old one, then the new one. */
export const withBothPermits = <R>(
  { before, after }: { readonly before: OldSemaphore; readonly after: Semaphore },
  work: (held: Held) => Promise<R>,
): Promise<R> => withOld(before, (both) => after.withPermit((permit) => work(both(permit))))

/** Runs `work` while both locks of a name are held: first the old one, then the new one. */
export const withBothLocks = <R>(
  { mutex, locks, name }: { readonly mutex: Mutex; readonly locks: Locks; readonly name: string },
  work: (held: Held) => Promise<R>,
): Promise<R> => withOld(mutex, (both) => locks.withLock(name, (lock) => work(both(lock))))

async function withOld<R>(
  old: Mutex,
  work: (both: (lock: Lock) => Held) => Promise<R>,
): Promise<R> {
  await old.acquire()
  try {
    return await work((lock) => ({
      fence: lock.fence,
      signal: lock.signal,
      assertHeld() {
        if (!old.isAcquired) throw new Error('The old lock is lost.')
        lock.assertHeld()
      },
    }))
  } finally {
    await old.release()
  }
}

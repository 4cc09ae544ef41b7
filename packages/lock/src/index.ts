export { createLocks, type Locks, type LocksOptions } from './locks.js'
export { createRedlock, type RedlockOptions } from './backends/majority/redlock.js'
export { createSemaphore, type Semaphore, type SemaphoreOptions } from './semaphore.js'
export {
  createReadWriteLock,
  type ReadWriteLock,
  type ReadWriteLockOptions,
  type ReadWriteLockSide,
} from './read-write-lock.js'
export {
  createStampedeGuard,
  type RebuildContext,
  type StampedeGuard,
  type StampedeGuardOptions,
} from './stampede-guard.js'
export type { Lock } from './lock.js'
export type { LockSet } from './lock-set.js'
export type { AcquireOptions, HoldOptions } from './manager/options.js'
export type { LockInspection } from './backends/holder.js'
export type { Occupancy } from './backends/permits/scripts.js'
export { LockLostError, LockTimeoutError, type LostReason } from './errors.js'

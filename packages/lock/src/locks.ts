import { InvalidOptionError, type CacheClient, type KeyPart } from '@cache/core'
import {
  checkPrefix,
  clientOption,
  closeWith,
  createKeys,
  givenOption,
  readOptions,
  type OptionTable,
} from '@cache/core/internal'
import type { NamedLockBackend } from './backends/backend.js'
import type { LockInspection } from './backends/holder.js'
import { MutexBackend } from './backends/mutex/mutex.js'
import { LockTimeoutError } from './errors.js'
import { LockSet } from './lock-set.js'
import type { Lock } from './lock.js'
import { LockManager, type LockTarget } from './manager/lock-manager.js'
import {
  holdOptions,
  resolveCallOptions,
  type AcquireOptions,
  type HoldOptions,
  type ResolvedLockOptions,
} from './manager/options.js'
import { sharedResources } from './manager/shared-resources.js'

export interface LocksOptions extends HoldOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key, after the client's namespace. Default 'lock'. */
  readonly prefix?: string
}

/**
 * Distributed locks, identified by name.
 *
 * - A lock has one holder at a time, as long as Redis keeps what it acknowledged.
 * - A holder knows that it lost its lock before another can have it, also while Redis is silent.
 * - Waiters are served in the order in which they came.
 * - No call waits for ever.
 */
export interface Locks extends AsyncDisposable {
  /**
   * Acquires a lock, and waits for it if necessary. An outage of Redis that is shorter than `wait`
   * is waited out.
   *
   * Rejects with `LockTimeoutError` after `wait`, with the reason of `signal` when it aborts, and
   * with core's `ServerError` for an error of Redis that a retry cannot change.
   */
  acquire(name: KeyPart, options?: AcquireOptions): Promise<Lock>
  /**
   * Tries once to acquire a lock. Resolves to `null` if somebody holds it or waits for it. Rejects
   * if Redis does not answer.
   */
  tryAcquire(name: KeyPart, options?: AcquireOptions): Promise<Lock | null>
  /**
   * Holds a lock while `work` runs. You get the result or the error of `work`, even if the release
   * fails.
   */
  withLock<R>(
    name: KeyPart,
    work: (lock: Lock) => R | Promise<R>,
    options?: AcquireOptions,
  ): Promise<R>
  /**
   * Acquires all of several locks or none of them. `wait` applies to all of them together.
   *
   * One round trip is enough if all are free and lie in one slot. Otherwise they are acquired one
   * after the other in the order of their keys, so that two callers that need the same locks do not
   * deadlock.
   */
  acquireAll(names: readonly KeyPart[], options?: AcquireOptions): Promise<LockSet>
  /** Returns the holder of a lock, or `null` if nobody holds it. */
  inspect(name: KeyPart): Promise<LockInspection | null>
  /**
   * Releases a lock whoever holds it. The holder learns of it when it renews, within a third of its
   * ttl. Resolves to `false` if nobody held the lock.
   */
  forceRelease(name: KeyPart): Promise<boolean>
  /**
   * Ends all waits with an error of code `CLOSED`, and releases all held locks. Holders learn first
   * that their lock is lost.
   */
  close(): Promise<void>
}

/**
 * Creates locks in one Redis or one Cluster.
 *
 * A lock is as durable as what Redis acknowledges: a failover to a replica that had not received it
 * frees the lock. If two holders at once would do damage, let the store check `lock.fence`, or use
 * `createRedlock`.
 *
 * @throws {InvalidOptionError} If an option is invalid. The error names the option.
 * @example
 * const locks = createLocks({ client, prefix: 'lock' })
 * await locks.withLock(
 *   'invoice:42',
 *   async ({ signal, fence }) => pay(42, { signal, fence }),
 *   { ttl: '10s', wait: '5s' },
 * )
 */
export function createLocks(options: LocksOptions): Locks {
  const { client, prefix: given, ...defaults } = readOptions('createLocks', locksOptions, options)
  const prefix = checkPrefix('prefix', given, client.namespace)
  const { wakeups, renewals, abandoned, release } = sharedResources(client)
  const backend = new MutexBackend(client, wakeups, abandoned)
  const manager = new LockManager<NamedLockBackend>(prefix, backend, renewals, defaults, release)
  closeWith(client, manager)
  return locksOf(manager, createKeys(client.namespace, prefix), defaults)
}

/** The rows of `LocksOptions`. */
const locksOptions = {
  client: clientOption,
  prefix: givenOption('lock'),
  ...holdOptions,
} satisfies OptionTable<LocksOptions>

/** Returns the locks of a manager, with their keys. */
export function locksOf(
  manager: LockManager<NamedLockBackend>,
  keyOf: (name: KeyPart) => string,
  defaults: ResolvedLockOptions,
): Locks {
  const { backend } = manager
  const targetOf = (name: KeyPart): LockTarget => ({ name: String(name), key: keyOf(name) })

  const locks: Locks = {
    acquire: async (name, options) => manager.acquire(targetOf(name), options),

    tryAcquire: async (name, options) => manager.tryAcquire(targetOf(name), options),

    withLock: async (name, work, options) => {
      if (typeof work !== 'function') throw new InvalidOptionError('work', 'a function', work)
      return manager.runWithLock(await manager.acquire(targetOf(name), options), work)
    },

    async acquireAll(names, options) {
      if (!Array.isArray(names) || names.length === 0)
        throw new InvalidOptionError('names', 'an array of at least one name', names)
      const byKey = new Map(names.map((name: KeyPart) => [keyOf(name), targetOf(name)]))
      const targets = [...byKey.keys()].sort().map((key) => byKey.get(key)!)
      const { wait } = resolveCallOptions(options, defaults).resolved
      const until = performance.now() + wait
      try {
        const together =
          backend.acquireAll &&
          (await manager
            .acquireTogether(targets, options, (requests) => backend.acquireAll!(requests))
            .catch((error: unknown) => {
              if (error instanceof LockTimeoutError) throw error
            }))
        return new LockSet(together ?? (await acquireInOrder(targets, until, options)))
      } catch (error) {
        if (!(error instanceof LockTimeoutError)) throw error
        throw new LockTimeoutError(error.lock, wait, error.cause) // the whole wait, not its rest
      }
    },

    inspect: async (name) => (await backend.inspect(keyOf(name))) ?? null,

    forceRelease: async (name) => backend.forceRelease(keyOf(name)),

    close: () => manager.close(),

    [Symbol.asyncDispose]: () => locks.close(),
  }
  return locks

  async function acquireInOrder(
    targets: readonly LockTarget[],
    until: number,
    options: AcquireOptions | undefined,
  ): Promise<Lock[]> {
    const held: Lock[] = []
    try {
      for (const target of targets) {
        const wait = Math.max(1, until - performance.now())
        held.push(await manager.acquire(target, { ...options, wait }))
      }
      for (const lock of held) lock.assertHeld()
      return held
    } catch (error) {
      await Promise.all(held.map((lock) => lock[Symbol.asyncDispose]()))
      throw error
    }
  }
}
